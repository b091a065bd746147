"""Turns one app of the manifest into two processes, the service and its sidecar."""

import os
import secrets as random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.runner.config.components import METRICS_PORT
from tools.runner.config.manifest import ManifestApp
from tools.runner.config.manifest_keys import LOOPBACK
from tools.runner.config.paths import MARKER, REPO, RunDir
from tools.runner.config.tracing import PREFIX, Tracing
from tools.runner.http_client import http_probe, sidecar_probe
from tools.runner.infra.identities import Identities
from tools.runner.supervisor.process import ProcessSpec

REGISTRATION_FAILURE = "initialization error occurred for nr ("
"""The log line of a sidecar that failed to register its name and runs on, unreachable."""

BLOCK_SHUTDOWN = "20s"
"""For how long a sidecar serves on after SIGTERM, without subscriptions: while its service drains
(supervisor/scaling.py). A stop kills it when its service has ended."""

LOST_CONSUMERS = "unexpected command received"
"""In the log of a sidecar whose subscriptions and publishes met on one channel of RabbitMQ.

The broker keeps consumers that the sidecar does not know, which swallow messages
(docs/dapr-notes.md, 8).
"""


@dataclass(frozen=True)
class ServiceReplica:
    """A service and its sidecar: one replica of one app."""

    app: ManifestApp
    replica: int
    app_port: int
    http_port: int
    grpc_port: int
    internal_port: int
    metrics_port: int | None
    profile_port: int | None
    sidecar_token: str
    app_token: str
    public_port: int | None = None
    """The port of the socket that all replicas of the gateway share; None for other services."""

    @property
    def name(self) -> str:
        return self.app.app_id if self.replica == 0 else f"{self.app.app_id}.{self.replica + 1}"

    @property
    def sidecar_name(self) -> str:
        return f"{self.name}.daprd"

    @property
    def internal_address(self) -> str:
        """The address at which other sidecars call this one."""
        return f"{LOOPBACK}:{self.internal_port}"


@dataclass(frozen=True)
class RunSettings:
    """The settings that all replicas of one run share."""

    run: RunDir
    daprd: Path
    resources: Path
    """The folder with a folder of components for each app-id."""
    configs: Mapping[str, Path]
    """The rendered configuration of the sidecar of each app-id."""
    public_url: str
    control_plane: Mapping[str, str] = field(default_factory=dict)
    """Addresses of `placement` and `scheduler`, where they run."""
    workflows: frozenset[str] = frozenset()
    """The services whose sidecars get these addresses."""
    listener: socket.socket | None = None
    """The public socket, if the gateway runs."""
    identities: Identities | None = None
    """None for sidecars that trust each other without certificates."""
    tracing: Tracing | None = None
    """None for no traces."""
    secrets: Callable[[str], Mapping[str, str]] = lambda _: {}
    """Returns the variables with secrets for the sidecar of an app-id."""


def create_replica(
    app: ManifestApp,
    replica: int,
    choose_port: Callable[[str], int],
    *,
    has_metrics: bool = False,
    public_port: int | None = None,
) -> ServiceReplica:
    """Give one replica its ports and its two tokens, fresh at every start.

    `choose_port` returns the port for an option of daprd. Its sidecar has metrics with
    `has_metrics`, or where the manifest names a port for them.
    """
    has_metrics = has_metrics or METRICS_PORT in app.ports
    is_profiled = "profile-port" in app.ports or "enable-profiling" in app.options
    return ServiceReplica(
        app=app,
        replica=replica,
        app_port=choose_port("app-port"),
        http_port=choose_port("dapr-http-port"),
        grpc_port=choose_port("dapr-grpc-port"),
        internal_port=choose_port("dapr-internal-grpc-port"),
        metrics_port=choose_port(METRICS_PORT) if has_metrics else None,
        profile_port=choose_port("profile-port") if is_profiled else None,
        public_port=public_port,
        sidecar_token=random.token_urlsafe(24),
        app_token=random.token_urlsafe(24),
    )


def base_env(run: RunDir) -> dict[str, str]:
    """Return the environment of every process, with the mark of this run directory."""
    inherited = {key: each for key, each in os.environ.items() if not key.startswith(PREFIX)}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, services start faster
    return inherited | {MARKER: run.marker}


def app_spec(replica: ServiceReplica, settings: RunSettings) -> ProcessSpec:
    """Return how to run the service of a replica."""
    env = base_env(settings.run) | {
        "APP_ID": replica.app.app_id,
        "APP_PORT": str(replica.app_port),
        "DAPR_HTTP_PORT": str(replica.http_port),
        "DAPR_GRPC_PORT": str(replica.grpc_port),
        "MICROGRAM_PUBLIC_URL": settings.public_url,
        "PYTHONUNBUFFERED": "1",
    }
    return ProcessSpec(
        name=replica.name,
        argv=replica.app.command_of(replica.replica),
        cwd=replica.app.directory,
        env=env | _tokens(replica) | _tracing(replica.name, settings) | dict(replica.app.env),
        probe=http_probe(replica.app_port, "/readyz"),
        stop_timeout=2.0,
        listener=settings.listener if replica.public_port else None,
    )


def sidecar_spec(replica: ServiceReplica, settings: RunSettings) -> ProcessSpec:
    """Return how to run the sidecar of a replica; its tokens are never on its command line."""
    env = base_env(settings.run) | _tokens(replica) | _tracing(replica.sidecar_name, settings)
    env |= settings.secrets(replica.app.app_id)
    if settings.identities:
        env |= settings.identities.daprd_environment(replica.app.app_id)
    return ProcessSpec(
        name=replica.sidecar_name,
        argv=_daprd(replica, settings),
        cwd=REPO,
        env=env
        | {
            "DAPR_HOST_IP": "127.0.0.1",  # else sidecars would publish a network address
            "POD_NAME": replica.name,  # for components with a name for each replica
        },
        probe=sidecar_probe(replica.http_port),
        stop_timeout=0.3,  # by then its subscriptions have ended, and the service is gone
        fatal_outputs=(REGISTRATION_FAILURE, LOST_CONSUMERS),
    )


def _tokens(replica: ServiceReplica) -> dict[str, str]:
    return {"DAPR_API_TOKEN": replica.sidecar_token, "APP_API_TOKEN": replica.app_token}


def _tracing(process: str, settings: RunSettings) -> dict[str, str]:
    return settings.tracing.environment(process) if settings.tracing else {}


def _daprd(replica: ServiceReplica, settings: RunSettings) -> tuple[str, ...]:
    options = {
        "app-id": replica.app.app_id,
        "app-port": replica.app_port,
        "app-channel-address": LOOPBACK,
        "dapr-http-port": replica.http_port,
        "dapr-grpc-port": replica.grpc_port,
        "dapr-internal-grpc-port": replica.internal_port,
        "dapr-internal-grpc-listen-address": LOOPBACK,
        "dapr-listen-addresses": LOOPBACK,
        "resources-path": settings.resources / replica.app.app_id,
        "config": settings.configs[replica.app.app_id],
        "enable-metrics": "false",
        "log-as-json": "true",
        "dapr-graceful-shutdown-seconds": 1,
        "dapr-block-shutdown-duration": BLOCK_SHUTDOWN,
        **replica.app.options,
    }
    if replica.metrics_port:
        options |= {"enable-metrics": "true", METRICS_PORT: replica.metrics_port}
        options["metrics-listen-address"] = LOOPBACK
    if replica.profile_port:
        options["profile-port"] = replica.profile_port
    if settings.identities:
        options |= settings.identities.daprd_options()
    if replica.app.app_id in settings.workflows:
        for name, address in settings.control_plane.items():
            options[f"{name}-host-address"] = address
    return (str(settings.daprd), *(f"--{name}={value}" for name, value in options.items()))
