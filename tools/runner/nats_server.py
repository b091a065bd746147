"""The NATS server with JetStream behind the pub/sub of the embedded set."""

from urllib.parse import urlsplit

from tools.runner.components import load_set
from tools.runner.http import tcp_probe
from tools.runner.infra import Need, Server
from tools.runner.jetstream import Keeper
from tools.runner.paths import write_private
from tools.runner.ports import is_free
from tools.runner.process import Spec
from tools.runner.secrets import NATS, credentials
from tools.runner.units import base_env

_CONF = """\
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


def set_up(need: Need) -> Server:
    """Start a NATS server of our own; it keeps its port from start to start if it can."""
    user, secret = credentials(need.secrets[NATS])
    port = urlsplit(need.secrets[NATS]).port or 0
    if port < 10_000 or not is_free(port):
        port = next(need.ports)
    need.secrets.set(NATS, f"nats://{user}:{secret}@127.0.0.1:{port}")
    data, conf = need.run.path / "nats", need.run.path / "nats.conf"
    write_private(conf, _CONF.format(port=port, user=user, password=secret, data=data))
    spec = Spec(
        name="nats",
        argv=(str(need.tool("nats-server")), "-c", str(conf)),
        cwd=need.run.path,
        env=base_env(need.run),
        probe=tcp_probe(port),
    )
    keeper = Keeper((port, user, secret), need.topics, consumer_settings())
    return Server(
        "nats",
        f"127.0.0.1:{port}",
        spec,
        data=data,
        keeper=keeper,
        fresh_sidecars_after=100.0,  # the client gives up for ever after 60 attempts, 2 s apart
    )


def consumer_settings() -> dict[str, int]:
    """Return what components/embedded/pubsub.yaml asks of consumers, in the server's words."""
    (component,) = [each for each in load_set("embedded") if each["metadata"]["name"] == "pubsub"]
    metadata = {item["name"]: item.get("value", "") for item in component["spec"]["metadata"]}
    return {
        "ack_wait": int(metadata["ackWait"].removesuffix("s")) * 10**9,
        "max_ack_pending": int(metadata["maxAckPending"]),
    }
