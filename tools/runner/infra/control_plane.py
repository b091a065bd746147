"""Starts Dapr's own servers: sentry, and placement and scheduler for workflows.

The runner's own sidecars use any free ports. Sidecars of the dapr CLI context `STANDARD_PORTS`,
without certificates.

Everything listens on the loopback address except the health ports: in 1.18.2 these listen on every
address, whatever the options say. They reveal only that the process is healthy.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tools.runner.config.paths import RunDir
from tools.runner.http_client import http_probe
from tools.runner.infra.identities import CONTROL_PLANE_TRUST_DOMAIN, Identities
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

STANDARD_PORTS = {"placement": 50005, "scheduler": 50006}
"""The defaults of the dapr CLI on all systems except Windows."""

_LOCAL = "127.0.0.1"
_SCHEDULER = "dapr-scheduler-server-0"
_ETCD_CLIENT = "unix://etcd-client:1"
_ETCD_PEER = "unix://etcd-peer:1"
"""Sockets in the working directory; etcd requires the form of a host with a port."""
_COMMON = (
    "--log-as-json",
    "--enable-metrics=false",
    f"--listen-address={_LOCAL}",
    f"--healthz-listen-address={_LOCAL}",
)


class ControlPlane:
    """Describes how to run Dapr's servers; their other ports come from `ports`.

    Without `identities`, they admit everybody.
    """

    def __init__(
        self,
        run: RunDir,
        tool: Callable[[str], Path],
        ports: Iterator[int],
        identities: Identities | None,
    ) -> None:
        self._run = run
        self._tool = tool
        self._ports = ports
        self._identities = identities

    def sentry(self, port: int, identities: Identities) -> ProcessSpec:
        """Return how to run sentry, which signs the certificates of all others."""
        health = next(self._ports)
        own = (
            f"--port={port}",
            f"--healthz-port={health}",
            f"--config={identities.configuration}",
            f"--issuer-credentials={identities.authority}",
            f"--trust-domain={CONTROL_PLANE_TRUST_DOMAIN}",
        )
        return self._spec("sentry", own, health)

    def placement(self, port: int) -> ProcessSpec:
        """Return how to run the placement service.

        As the only member it keeps timers of 5 ms (pkg/placement/internal/leadership). On one core
        they cost a quarter less, because no second thread looks for work at each of them.
        """
        health, raft = next(self._ports), next(self._ports)
        own = (
            f"--port={port}",
            f"--healthz-port={health}",
            "--id=dapr-placement-0",
            f"--initial-cluster=dapr-placement-0={_LOCAL}:{raft}",
        )
        spec = self._spec("placement", own, health, "dapr-placement")
        return replace(spec, env={**spec.env, "GOMAXPROCS": "1"})

    def scheduler(self, port: int) -> ProcessSpec:
        """Return how to run the scheduler."""
        health = next(self._ports)
        own: tuple[str, ...] = (
            f"--port={port}",
            f"--healthz-port={health}",
            f"--override-broadcast-host-port={_LOCAL}:{port}",
            f"--id={_SCHEDULER}",
            "--etcd-embed=false",
            f"--etcd-client-endpoints={_ETCD_CLIENT}",
        )
        if self._identities:
            own += (f"--identity-directory-write={self._identities.folder / 'scheduler'}",)
        return self._spec("scheduler", own, health, "dapr-scheduler")

    def etcd(self) -> ProcessSpec:
        """Return how to run the database of the scheduler.

        The scheduler's embedded one answers everybody on a port, also with mTLS. This one listens
        on sockets in the run directory, which is its owner's. Limits are those of the embedded one;
        intervals are longer, because it has no other members, and what it does at each of them
        costs most of its processor time at rest. What is committed is in its log at once.
        """
        socket = self._run.path / _ETCD_CLIENT.removeprefix("unix://")
        socket.unlink(missing_ok=True)
        argv = (
            str(self._tool("etcd")),
            f"--name={_SCHEDULER}",
            f"--data-dir={self._run.path / 'scheduler' / f'default-{_SCHEDULER}' / 'dapr-0.1'}",
            f"--listen-client-urls={_ETCD_CLIENT}",
            f"--advertise-client-urls={_ETCD_CLIENT}",
            f"--listen-peer-urls={_ETCD_PEER}",
            f"--initial-advertise-peer-urls={_ETCD_PEER}",
            f"--initial-cluster={_SCHEDULER}={_ETCD_PEER}",
            "--quota-backend-bytes=9200000000000000000",
            "--max-request-bytes=2147483647",
            "--max-txn-ops=10000",
            "--snapshot-count=100000",
            "--auto-compaction-mode=revision",
            "--auto-compaction-retention=1000000",
            "--backend-batch-limit=10000",
            "--backend-batch-interval=1s",
            "--heartbeat-interval=300",  # milliseconds
            "--election-timeout=1500",
            "--log-level=warn",
        )

        async def probe() -> bool:
            return socket.is_socket()

        return ProcessSpec("etcd", argv, self._run.path, base_env(self._run), probe)

    def _spec(
        self, name: str, own: tuple[str, ...], health: int, identity: str = ""
    ) -> ProcessSpec:
        env = base_env(self._run)
        argv: tuple[str, ...] = (str(self._tool(name)), *_COMMON, *own)
        if identity and self._identities:
            env |= self._identities.environment(identity, CONTROL_PLANE_TRUST_DOMAIN)
            argv += (
                "--tls-enabled",
                f"--trust-domain={CONTROL_PLANE_TRUST_DOMAIN}",
                f"--trust-anchors-file={self._identities.trust_anchors}",
                f"--sentry-address={self._identities.sentry_address}",
            )
        return ProcessSpec(name, argv, self._run.path, env, http_probe(health, "/healthz"))
