"""RabbitMQ behind the pub/sub of the production set."""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tools.runner.config.paths import RunDir, write_private
from tools.runner.config.secrets import RABBITMQ, credentials, is_generated, password
from tools.runner.http_client import thread_probe
from tools.runner.infra.amqp_client import accepts, queue_lengths
from tools.runner.infra.broker_logins import BrokerLogin, create_logins, topics
from tools.runner.infra.servers import (
    CountPending,
    ManagedServer,
    ServerContext,
    choose_port,
    require_program,
)
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

PORT = 5672
_GUEST = f"amqp://guest:guest@localhost:{PORT}/"

_CONF = """\
listeners.tcp.1 = 127.0.0.1:{port}
load_definitions = {definitions}
log.console = true
log.console.level = warning
log.file = false
# The default would stop publishers on a small machine.
disk_free_limit.absolute = 200MB
"""

BROADCAST_POLICY = {
    "vhost": "/",
    "name": "broadcast",
    "pattern": "^broadcast-",
    "apply-to": "queues",
    "definition": {"expires": 60_000},
}
"""Removes the queues of components/broadcast.yaml of dead replicas, after a minute."""


def set_up(context: ServerContext) -> ManagedServer:
    """Use the RabbitMQ at the component's address if it accepts the login, else start one."""
    known = context.secrets.get(RABBITMQ) or ""
    for url in (known, _GUEST):
        if context.can_share and is_shared(url):
            context.secrets.set(RABBITMQ, url)
            return ManagedServer("rabbitmq", f"127.0.0.1:{PORT}", spec=None)
    user, secret = credentials(known)
    if user in ("", "guest"):
        user, secret = "microgram", password()
    port = choose_port(context, PORT, "RabbitMQ")
    url = f"amqp://{user}:{secret}@localhost:{port}/"
    context.secrets.set(RABBITMQ, url)
    data = context.run.path / "rabbitmq"
    template = f"amqp://{{user}}:{{password}}@localhost:{port}/"
    logins = create_logins(context, RABBITMQ, template)
    conf = _write(data, port, definitions(user, secret, logins))
    spec = ProcessSpec(
        name="rabbitmq",
        argv=(require_program("rabbitmq-server"),),
        cwd=context.run.path,
        env=base_env(context.run) | _environment(context, data, conf),
        probe=thread_probe(partial(accepts, url)),
        stop_timeout=2.5,
    )
    return ManagedServer(
        "rabbitmq",
        f"127.0.0.1:{port}",
        spec,
        data=data / "db",
        # After a reconnect, the subscriptions of Dapr's component share one channel, which is not
        # safe: some consumers are known to the broker only, and swallow messages.
        restart_sidecars_after=0.0,
        logins=frozenset({RABBITMQ}),
        pending_messages=_pending_counter(url, logins),
    )


def _pending_counter(url: str, logins: Sequence[BrokerLogin]) -> CountPending:
    queues = {
        f"{login.app}-{topic}": (login.app, topic) for login in logins for topic in login.delivered
    }

    async def count() -> list[tuple[str, str, int]]:
        try:
            lengths = await asyncio.to_thread(queue_lengths, url, queues)
        except OSError:
            return []
        return [(*queues[name], length) for name, length in lengths.items()]

    return count


def _write(data: Path, port: int, content: Mapping[str, object]) -> Path:
    """Write configuration and definitions, and return the configuration's path."""
    data.mkdir(exist_ok=True, mode=0o700)
    file = data / "definitions.json"
    write_private(file, json.dumps(content))
    write_private(data / "rabbitmq.conf", _CONF.format(port=port, definitions=file))
    write_private(data / "enabled_plugins", "[].\n")
    return data / "rabbitmq.conf"


def definitions(user: str, secret: str, logins: Iterable[BrokerLogin]) -> dict[str, object]:
    """Return all users (with definitions to load, RabbitMQ creates no guest) and the policy."""
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    allowed = [{"user": user, "vhost": "/", **every}]
    allowed += [{"user": each.app, "vhost": "/", **permissions(each)} for each in logins]
    return {
        "users": [
            _user(user, secret, "administrator"),
            *(_user(each.app, each.password) for each in logins),
        ],
        "vhosts": [{"name": "/"}],
        "permissions": allowed,
        "policies": [BROADCAST_POLICY],
    }


def _user(name: str, secret: str, *tags: str) -> dict[str, object]:
    return {
        "name": name,
        "password_hash": password_hash(secret, os.urandom(4)),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": list(tags),
    }


def permissions(login: BrokerLogin) -> dict[str, str]:
    """Return the permissions of a login, by names of exchanges (topics) and of its own queues.

    Publisher and subscriber both declare the exchange of a topic, and a binding writes to a queue.
    """
    queues = [f"{login.app}-{topic}" for topic in sorted(login.delivered)]
    queues += [f"broadcast-.*-{topic}" for topic in sorted(login.broadcasts)]
    return {
        "configure": _any_of(*topics(login), *queues),
        "write": _any_of(*sorted(login.published), *queues),
        "read": _any_of(*sorted(login.delivered | login.broadcasts), *queues),
    }


def _any_of(*patterns: str) -> str:
    return f"^({'|'.join(patterns)})$"


def password_hash(secret: str, salt: bytes) -> str:
    """Return the hash that RabbitMQ stores: base64 of salt and SHA-256 of salt and password."""
    digest = hashlib.sha256(salt + secret.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def _environment(context: ServerContext, data: Path, conf: Path) -> dict[str, str]:
    return {
        "HOME": str(data),  # Erlang's cookie
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(next(context.ports)),  # a private name server, stopped with this one
        "RABBITMQ_NODENAME": f"{_node(context.run)}@localhost",
        "RABBITMQ_DIST_PORT": str(next(context.ports)),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONFIG_FILE": str(conf),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "none.config"),
        "RABBITMQ_CONF_ENV_FILE": str(data / "none.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(data / "db"),
        "RABBITMQ_LOG_BASE": str(data),
        "RABBITMQ_LOGS": "-",
        "RUNNING_UNDER_SYSTEMD": "true",  # no shell between the runner and the server
    }


def _node(run: RunDir) -> str:
    return f"microgram-{hashlib.sha256(run.marker.encode()).hexdigest()[:8]}"


def is_shared(url: str) -> bool:
    """Return whether a RabbitMQ on the standard port accepts a login that was not generated."""
    is_own = is_generated(credentials(url)[1])
    return urlsplit(url).port == PORT and not is_own and accepts(url)
