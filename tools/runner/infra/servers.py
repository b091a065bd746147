"""The servers behind a component set: shared ones that already run, or private ones."""

import importlib
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.chassis.security.access_rules import Access
from tools.runner.config.components import Document
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile, credentials, is_generated
from tools.runner.config.topology import CONTROL_PLANE, ETCD
from tools.runner.errors import RunnerError
from tools.runner.infra import control_plane, debian
from tools.runner.infra.identities import Identities
from tools.runner.infra.jetstream import JetStreamManager
from tools.runner.infra.ports import is_free, is_listening, port_owner
from tools.runner.supervisor.process import ProcessSpec

SENTRY = "sentry"
BROKERS = ("kafka", "nats", "rabbitmq", "mosquitto")
"""Servers that only pass events. A Redis can do that too, beside its documents."""

_MODULES = {
    "kafka": "kafka",
    "mariadb": "mariadb",
    "mosquitto": "mosquitto",
    "nats": "nats_server",
    "postgresql": "postgresql",
    "rabbitmq": "rabbitmq",
    "redis": "redis",
}
SERVERS = frozenset((*_MODULES, SENTRY, ETCD, *CONTROL_PLANE))
"""The names of all servers that a system may have. No service has the name of one."""

_SERVER_OF_TYPE = {
    "pubsub.jetstream": "nats",
    "pubsub.kafka": "kafka",
    "pubsub.mqtt3": "mosquitto",
    "pubsub.rabbitmq": "rabbitmq",
    "pubsub.redis": "redis",
    "state.mysql": "mariadb",
    "state.postgresql": "postgresql",
    "state.redis": "redis",
}


CountPending = Callable[[], Awaitable[list[tuple[str, str, int]]]]
"""Gives service, topic and number of messages."""


@dataclass
class ManagedServer:
    """One server; `spec` is None for a server that another process owns, named in `owner`."""

    name: str
    address: str
    spec: ProcessSpec | None
    owner: str = ""
    data: Path | None = None
    """What may be deleted: it starts again without."""
    overrides: Mapping[tuple[str, str], str] = field(default_factory=dict)
    jetstream: JetStreamManager | None = None
    restart_sidecars_after: float | None = None
    """Seconds of absence after which sidecars must be restarted."""
    logins: frozenset[str] = frozenset()
    """The secrets with a login here, of which each service has one of its own."""
    pending_messages: CountPending | None = None
    """Counts the messages that a broker holds. Gives nothing for one that does not answer."""


@dataclass(frozen=True)
class ServerContext:
    """What the set-up of a server needs.

    With `standard_ports`, servers must listen at the addresses in components/.
    """

    run: RunDir
    secrets: SecretsFile
    ports: Iterator[int]
    tool: Callable[[str], Path]
    topics: tuple[str, ...] = ()
    standard_ports: bool = False
    documents: Sequence[Document] = ()
    """Those of the component set."""
    identities: Identities | None = None
    """None for a system without mTLS."""
    access: Access = field(default_factory=dict)

    @property
    def can_share(self) -> bool:
        """Whether a server of another process may be used: only by the default system."""
        return self.run.is_default


def needed_servers(documents: Iterable[Document]) -> tuple[str, ...]:
    """Return the servers that the runner starts for the components of a set.

    Other components have a server that somebody else runs, or none.
    """
    types = {str(each["spec"]["type"]) for each in documents if each["kind"] == "Component"}
    return tuple(sorted({_SERVER_OF_TYPE[each] for each in types & _SERVER_OF_TYPE.keys()}))


def set_up_server(name: str, context: ServerContext) -> ManagedServer:
    """Set up a server by its name in topology.yaml."""
    if name == SENTRY:
        return _sentry(context)
    if name == ETCD:
        return ManagedServer(ETCD, "", _dapr(context).etcd(), data=context.run.path / "scheduler")
    server = (
        _control_plane(name, context)
        if name in control_plane.STANDARD_PORTS
        else _of_set(name, context)
    )
    if server.spec is None and not server.owner:
        server.owner = port_owner(int(server.address.rpartition(":")[2]))
    return server


def _of_set(name: str, context: ServerContext) -> ManagedServer:
    module = importlib.import_module(f"tools.runner.infra.{_MODULES[name]}")
    server: ManagedServer = module.set_up(context)
    return server


def _sentry(context: ServerContext) -> ManagedServer:
    if context.identities is None:
        raise ValueError("sentry needs identities")
    port = next(context.ports)
    context.identities.sentry_address = address = f"127.0.0.1:{port}"
    return ManagedServer(SENTRY, address, _dapr(context).sentry(port, context.identities))


def _control_plane(name: str, context: ServerContext) -> ManagedServer:
    port = control_plane.STANDARD_PORTS[name] if context.standard_ports else next(context.ports)
    address = f"127.0.0.1:{port}"
    if context.standard_ports and is_listening(port):
        return ManagedServer(name, address, spec=None)
    run = _dapr(context).placement if name == "placement" else _dapr(context).scheduler
    return ManagedServer(name, address, run(port))


def _dapr(context: ServerContext) -> control_plane.ControlPlane:
    return control_plane.ControlPlane(context.run, context.tool, context.ports, context.identities)


def choose_port(context: ServerContext, standard: int, what: str) -> int:
    """Return the standard port if the default system can have it, else any free port.

    Raises RunnerError if `standard_ports` requires the standard one.
    """
    if context.run.is_default and is_free(standard):
        return standard
    if context.standard_ports:
        raise RunnerError(
            f"{what} must listen on {standard} for a plain `dapr run -f .`, but that is taken by "
            f"{port_owner(standard)}, which does not accept the password in {context.run.secrets}"
        )
    return next(context.ports)


def external(context: ServerContext, name: str, secret: str) -> ManagedServer | None:
    """Return the server of somebody else that a secret names, or None.

    A password that was generated is one for a private server.
    """
    url = context.secrets.get(secret)
    if not url or is_generated(credentials(url)[1]):
        return None
    address = _address(url, secret)
    return ManagedServer(name, address, spec=None, owner=f"the one at {address}")


def _address(url: str, secret: str) -> str:
    """Return host and port in a connection URL, or in `user:password@tcp(host:port)/`."""
    found = re.search(r"@(?:tcp\()?([^/?)]+:\d+)", url)
    if not found:
        raise RunnerError(
            f"the secret {secret} names no host and port: write it as a URL with both, such as "
            "scheme://user:password@host:port/database"
        )
    return found[1]


def require_program(name: str, package: str = "") -> str:
    """Return the path of a server's program; install Debian's package if possible.

    Raises RunnerError that says what to install.
    """
    return find_program(name) or _installed(name, package or name)


def find_program(name: str) -> str | None:
    """Return the path of a server's program, or None where it is not installed."""
    # Debian's wrapper of RabbitMQ on PATH switches to another user. Its PostgreSQL is not on PATH.
    places = [f"/usr/lib/{name.removesuffix('-server')}/bin", *_postgresql_folders(), *_SBIN]
    found = (f"{place}/{name}" for place in places)
    return next((path for path in found if os.access(path, os.X_OK)), shutil.which(name))


_SBIN = ("/usr/sbin", "/usr/local/sbin")
"""Not on everybody's PATH."""


def _postgresql_folders() -> list[str]:
    """Return the folders of Debian's versions of PostgreSQL, the newest first."""
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return [str(each) for each in sorted(found, key=_version, reverse=True)]


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _installed(name: str, package: str) -> str:
    if debian.can_install():
        debian.install(package)
        path = find_program(name)
        if path:
            return path
    raise RunnerError(
        f"{name} is required and not on PATH. Install it: `sudo apt install {package}` on Debian "
        f"and Ubuntu, `brew install {package.removesuffix('-server')}` on macOS; or start one at "
        "the address that components/ names; or use `--components embedded`, which needs no server "
        "of others."
    )
