"""The NATS server with JetStream behind the pub/sub of the embedded set."""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from tools.runner.config.components import Document
from tools.runner.config.paths import write_private
from tools.runner.config.secrets import NATS, credentials
from tools.runner.http_client import tcp_probe
from tools.runner.infra.broker_logins import BrokerLogin, create_logins
from tools.runner.infra.jetstream import JetStreamManager, stream_name
from tools.runner.infra.ports import is_free
from tools.runner.infra.servers import ManagedServer, ServerContext
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

_CONF = """\
host: 127.0.0.1
port: {port}
server_name: microgram
max_payload: 4MB
authorization {{ users: {users} }}
jetstream {{
  store_dir: "{data}"
  max_file_store: 100GB
  max_memory_store: 64MB
  sync_interval: 5s
}}
"""


def set_up(context: ServerContext) -> ManagedServer:
    """Start a private NATS server, on the port of its last start if that is free."""
    user, secret = credentials(context.secrets[NATS])
    port = urlsplit(context.secrets[NATS]).port or 0
    if port < 10_000 or not is_free(port):
        port = next(context.ports)
    context.secrets.set(NATS, f"nats://{user}:{secret}@127.0.0.1:{port}")
    data, conf = context.run.path / "nats", context.run.path / "nats.conf"
    logins = create_logins(context, NATS, f"nats://{{user}}:{{password}}@127.0.0.1:{port}")
    users = [{"user": user, "password": secret}, *map(_user, logins)]
    write_private(conf, _CONF.format(port=port, users=json.dumps(users), data=data))
    spec = ProcessSpec(
        name="nats",
        argv=(str(context.tool("nats-server")), "-c", str(conf)),
        cwd=context.run.path,
        env=base_env(context.run),
        probe=tcp_probe(port),
    )
    manager = JetStreamManager(
        (port, user, secret), context.topics, consumer_settings(context.documents)
    )
    return ManagedServer(
        "nats",
        f"127.0.0.1:{port}",
        spec,
        data=data,
        jetstream=manager,
        restart_sidecars_after=100.0,  # the client gives up after 60 attempts, 2 s apart
        logins=frozenset({NATS}),
        pending_messages=manager.pending_messages,
    )


def _user(login: BrokerLogin) -> dict[str, object]:
    """Return a user who can publish and consume what the login names, and nothing else.

    All receive on subjects below `_INBOX`, whose random names the client library chooses.
    """
    publish = [*sorted(login.published), "$JS.API.INFO", "$JS.API.STREAM.NAMES"]
    for stream in map(stream_name, sorted(login.delivered | login.broadcasts)):
        publish += [f"$JS.API.STREAM.INFO.{stream}", f"$JS.ACK.{stream}.>"]
        publish += [f"$JS.API.CONSUMER.*.{stream}", f"$JS.API.CONSUMER.*.{stream}.>"]
        publish.append(f"$JS.API.CONSUMER.DURABLE.*.{stream}.>")
    permissions = {"publish": {"allow": publish}, "subscribe": {"allow": ["_INBOX.>"]}}
    return {"user": login.app, "password": login.password, "permissions": permissions}


def consumer_settings(documents: Sequence[Document]) -> dict[str, int]:
    """Return what the component `pubsub` asks of consumers, in the server's terms."""
    (component,) = [each for each in documents if each["metadata"]["name"] == "pubsub"]
    metadata = {item["name"]: item.get("value", "") for item in component["spec"]["metadata"]}
    return {
        "ack_wait": int(metadata["ackWait"].removesuffix("s")) * 10**9,
        "max_ack_pending": int(metadata["maxAckPending"]),
    }
