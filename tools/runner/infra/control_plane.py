"""Starts placement and scheduler, which workflows need, where topology.yaml lists them.

The runner's own sidecars use any free ports. Sidecars of the dapr CLI context `STANDARD_PORTS`.

Everything listens on the loopback address except the health ports: in 1.18.2 these listen on every
address, whatever the options say. They reveal only that the process is healthy.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from tools.runner.config.paths import RunDir
from tools.runner.http_client import http_probe
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

STANDARD_PORTS = {"placement": 50005, "scheduler": 50006}
"""The defaults of the dapr CLI on all systems except Windows."""

_LOCAL = "127.0.0.1"
_QUIET = (
    "--enable-metrics=false",
    f"--listen-address={_LOCAL}",
    f"--healthz-listen-address={_LOCAL}",
)


def placement(
    run: RunDir, tool: Callable[[str], Path], port: int, ports: Iterator[int]
) -> ProcessSpec:
    """Return how to run the placement service; its other ports come from `ports`."""
    health, raft = next(ports), next(ports)
    own = (
        f"--port={port}",
        f"--healthz-port={health}",
        "--id=dapr-placement-0",
        f"--initial-cluster=dapr-placement-0={_LOCAL}:{raft}",
    )
    return _spec("placement", run, (str(tool("placement")), *_QUIET, *own), health)


def scheduler(
    run: RunDir, tool: Callable[[str], Path], port: int, ports: Iterator[int]
) -> ProcessSpec:
    """Return how to run the scheduler with its etcd; its other ports come from `ports`."""
    health, client, peer = next(ports), next(ports), next(ports)
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
    return _spec("scheduler", run, (str(tool("scheduler")), *_QUIET, *own), health)


def _spec(name: str, run: RunDir, argv: tuple[str, ...], health: int) -> ProcessSpec:
    return ProcessSpec(name, argv, run.path, base_env(run), http_probe(health, "/healthz"))
