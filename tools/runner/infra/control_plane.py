"""Starts Dapr's own servers: sentry, and placement and scheduler for workflows.

The runner's own sidecars use any free ports. Sidecars of the dapr CLI context `STANDARD_PORTS`,
without certificates.

Everything listens on the loopback address except the health ports: in 1.18.2 these listen on every
address, whatever the options say. They reveal only that the process is healthy.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from tools.runner.config.paths import RunDir
from tools.runner.http_client import http_probe
from tools.runner.infra.identities import CONTROL_PLANE_TRUST_DOMAIN, Identities
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
        """Return how to run the placement service."""
        health, raft = next(self._ports), next(self._ports)
        own = (
            f"--port={port}",
            f"--healthz-port={health}",
            "--id=dapr-placement-0",
            f"--initial-cluster=dapr-placement-0={_LOCAL}:{raft}",
        )
        return self._spec("placement", own, health, "dapr-placement")

    def scheduler(self, port: int) -> ProcessSpec:
        """Return how to run the scheduler with its etcd."""
        health, client, peer = next(self._ports), next(self._ports), next(self._ports)
        own: tuple[str, ...] = (
            f"--port={port}",
            f"--healthz-port={health}",
            f"--override-broadcast-host-port={_LOCAL}:{port}",
            "--id=dapr-scheduler-server-0",
            f"--etcd-data-dir={self._run.path / 'scheduler'}",
            f"--etcd-client-listen-address={_LOCAL}",
            f"--etcd-client-port={client}",
            f"--etcd-initial-cluster=dapr-scheduler-server-0=http://{_LOCAL}:{peer}",
        )
        if self._identities:
            own += (f"--identity-directory-write={self._identities.folder / 'scheduler'}",)
        return self._spec("scheduler", own, health, "dapr-scheduler")

    def _spec(
        self, name: str, own: tuple[str, ...], health: int, identity: str = ""
    ) -> ProcessSpec:
        env = base_env(self._run)
        argv: tuple[str, ...] = (str(self._tool(name)), *_QUIET, *own)
        if identity and self._identities:
            env |= self._identities.environment(identity, CONTROL_PLANE_TRUST_DOMAIN)
            argv += (
                "--tls-enabled",
                f"--trust-domain={CONTROL_PLANE_TRUST_DOMAIN}",
                f"--trust-anchors-file={self._identities.trust_anchors}",
                f"--sentry-address={self._identities.sentry_address}",
            )
        return ProcessSpec(name, argv, self._run.path, env, http_probe(health, "/healthz"))
