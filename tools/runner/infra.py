"""The servers behind a component set: found, or started privately."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tools.runner.components import Overrides, load_set
from tools.runner.http import tcp_probe
from tools.runner.jetstream import Keeper
from tools.runner.paths import RunDir, write_private
from tools.runner.ports import is_free
from tools.runner.process import Spec
from tools.runner.secrets import NATS, Secrets, credentials, password
from tools.runner.units import base_env


@dataclass
class Server:
    """One server; `spec` is None for one that somebody else runs."""

    name: str
    address: str
    spec: Spec | None
    data: Path | None = None
    overrides: Overrides = field(default_factory=dict)
    keeper: Keeper | None = None


@dataclass(frozen=True)
class Need:
    """What a server may ask for when it is set up."""

    run: RunDir
    secrets: Secrets
    ports: Iterator[int]
    tool: Callable[[str], Path]
    topics: tuple[str, ...] = ()
    standard_ports: bool = False
    """Whether the well-known port must be used, or else the start be refused."""


_NATS_CONF = """\
host: 127.0.0.1
port: {port}
server_name: microgram
max_payload: 4MB
authorization {{ user: "{user}", password: "{password}" }}
jetstream {{
  store_dir: "{data}"
  max_file_store: 100GB
  max_memory_store: 64MB
  sync_interval: 5s
}}
"""


def nats(need: Need) -> Server:
    """Set up a NATS server with JetStream; it keeps its port from start to start if it can."""
    user, secret = credentials(need.secrets[NATS])
    port = urlsplit(need.secrets[NATS]).port or 0
    if port < 10_000 or not is_free(port):
        port = next(need.ports)
    need.secrets.set(NATS, f"nats://{user}:{secret or password()}@127.0.0.1:{port}")
    user, secret = credentials(need.secrets[NATS])
    data, conf = need.run.path / "nats", need.run.path / "nats.conf"
    write_private(conf, _NATS_CONF.format(port=port, user=user, password=secret, data=data))
    spec = Spec(
        name="nats",
        argv=(str(need.tool("nats-server")), "-c", str(conf)),
        cwd=need.run.path,
        env=base_env(need.run),
        probe=tcp_probe(port),
    )
    keeper = Keeper((port, user, secret), need.topics, consumer_settings())
    return Server("nats", f"127.0.0.1:{port}", spec, data=data, keeper=keeper)


def consumer_settings() -> dict[str, int]:
    """Return what components/embedded/pubsub.yaml asks of consumers, in the server's words."""
    (component,) = [each for each in load_set("embedded") if each["metadata"]["name"] == "pubsub"]
    metadata = {item["name"]: item.get("value", "") for item in component["spec"]["metadata"]}
    return {
        "ack_wait": int(metadata["ackWait"].removesuffix("s")) * 10**9,
        "max_ack_pending": int(metadata["maxAckPending"]),
    }


def set_up(name: str, need: Need) -> Server:
    """Set up a server by its name in topology.yaml."""
    return _MAKERS[name](need)


_MAKERS: dict[str, Callable[[Need], Server]] = {"nats": nats}
