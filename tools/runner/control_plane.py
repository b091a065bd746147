"""Placement and scheduler: what workflows need, started where topology.yaml says so.

All of it listens on the loopback address, but for the health ports: of 1.18.2 those are open on
every address whatever the options say. They tell nothing but that the process is well.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from tools.runner.http import http_probe
from tools.runner.paths import RunDir
from tools.runner.process import Spec
from tools.runner.units import base_env

_LOCAL = "127.0.0.1"
_QUIET = (
    "--enable-metrics=false",
    f"--listen-address={_LOCAL}",
    f"--healthz-listen-address={_LOCAL}",
)


def placement(run: RunDir, tool: Callable[[str], Path], ports: Iterator[int]) -> tuple[Spec, int]:
    """Return how to run the placement service, and its port."""
    port, health, raft = next(ports), next(ports), next(ports)
    own = (
        f"--port={port}",
        f"--healthz-port={health}",
        "--id=dapr-placement-0",
        f"--initial-cluster=dapr-placement-0={_LOCAL}:{raft}",
    )
    return _spec("placement", run, (str(tool("placement")), *_QUIET, *own), health), port


def scheduler(run: RunDir, tool: Callable[[str], Path], ports: Iterator[int]) -> tuple[Spec, int]:
    """Return how to run the scheduler with its own etcd, and its port."""
    port, health, client, peer = (next(ports) for _ in range(4))
    own = (
        f"--port={port}",
        f"--healthz-port={health}",
        f"--override-broadcast-host-port={_LOCAL}:{port}",
        "--id=dapr-scheduler-server-0",
        f"--etcd-data-dir={run.path / 'scheduler'}",
        f"--etcd-client-listen-address={_LOCAL}",
        f"--etcd-client-port={client}",
        f"--etcd-initial-cluster=dapr-scheduler-server-0=http://{_LOCAL}:{peer}",
    )
    return _spec("scheduler", run, (str(tool("scheduler")), *_QUIET, *own), health), port


def _spec(name: str, run: RunDir, argv: tuple[str, ...], health: int) -> Spec:
    return Spec(name, argv, run.path, base_env(run), http_probe(health, "/healthz"))
