"""The servers behind a component set: found, or started privately."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.errors import RunnerError
from tools.runner.infra import control_plane, debian
from tools.runner.infra.jetstream import JetStreamManager
from tools.runner.infra.ports import is_free, is_listening, port_owner
from tools.runner.supervisor.process import ProcessSpec

_CONTROL_PLANE = {"placement": control_plane.placement, "scheduler": control_plane.scheduler}
_MODULES = {"nats": "nats_server", "rabbitmq": "rabbitmq", "redis": "redis"}


@dataclass
class ManagedServer:
    """One server; `spec` is None for one that somebody else runs, whom `holder` names."""

    name: str
    address: str
    spec: ProcessSpec | None
    owner: str = ""
    data: Path | None = None
    overrides: Mapping[tuple[str, str], str] = field(default_factory=dict)
    jetstream: JetStreamManager | None = None
    restart_sidecars_after: float | None = None
    """Seconds of its absence after which sidecars are no longer fit to talk to it."""


@dataclass(frozen=True)
class ServerContext:
    """What a server may ask for when it is set up.

    `standard_ports`: it must listen at the address that components/ name, or not at all.
    """

    run: RunDir
    secrets: SecretsFile
    ports: Iterator[int]
    tool: Callable[[str], Path]
    topics: tuple[str, ...] = ()
    standard_ports: bool = False
    components: Path | None = None
    """The folder of the component sets, where it is not components/."""

    @property
    def can_share(self) -> bool:
        """Whether somebody else's server will do: not for a second system, which stands alone."""
        return self.run.is_default


def set_up_server(name: str, need: ServerContext) -> ManagedServer:
    """Set up a server by its name in topology.yaml."""
    server = _control_plane(name, need) if name in _CONTROL_PLANE else _of_set(name, need)
    if server.spec is None:
        server.owner = port_owner(int(server.address.rpartition(":")[2]))
    return server


def _of_set(name: str, need: ServerContext) -> ManagedServer:
    module = importlib.import_module(f"tools.runner.infra.{_MODULES[name]}")
    server: ManagedServer = module.set_up(need)
    return server


def _control_plane(name: str, need: ServerContext) -> ManagedServer:
    port = control_plane.STANDARD_PORTS[name] if need.standard_ports else next(need.ports)
    address = f"127.0.0.1:{port}"
    if need.standard_ports and is_listening(port):
        return ManagedServer(name, address, spec=None)
    return ManagedServer(name, address, _CONTROL_PLANE[name](need.run, need.tool, port, need.ports))


def choose_port(need: ServerContext, standard: int, what: str) -> int:
    """Return the standard port where it is free and ours to take, else any.

    Raises RunnerError where only the standard one will do.
    """
    if need.run.is_default and is_free(standard):
        return standard
    if need.standard_ports:
        raise RunnerError(
            f"{what} must listen on {standard} for a plain `dapr run -f .`, but that is taken by "
            f"{port_owner(standard)}, which does not accept the password in {need.run.secrets}"
        )
    return next(need.ports)


def require_program(name: str) -> str:
    """Return the path of a server's program, installing Debian's package where we may.

    Raises RunnerError that says what to install.
    """
    return find_program(name) or _installed(name)


def find_program(name: str) -> str | None:
    """Return the path of a server's program, or None where it is not installed."""
    debians_own = f"/usr/lib/{name.removesuffix('-server')}/bin/{name}"
    # On PATH, Debian has a wrapper around RabbitMQ that switches to a user of its own.
    return debians_own if os.access(debians_own, os.X_OK) else shutil.which(name)


def _installed(name: str) -> str:
    if debian.can_install():
        debian.install(name)
        path = find_program(name)
        if path:
            return path
    raise RunnerError(
        f"{name} is needed and not on PATH. Install it: `sudo apt install {name}` on Debian and "
        f"Ubuntu, `brew install {name.removesuffix('-server')}` on macOS; or start one at the "
        "address that components/ names; or use `--components embedded`, which needs neither."
    )
