"""Mosquitto behind a pub/sub by MQTT."""

import base64
import getpass
import hashlib
import secrets as random

from tools.runner.config.paths import write_private
from tools.runner.config.secrets import MQTT
from tools.runner.http_client import tcp_probe
from tools.runner.infra.broker_logins import BrokerLogin, create_logins
from tools.runner.infra.servers import ManagedServer, ServerContext, external, require_program
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

_CONF = """\
listener {port} 127.0.0.1
allow_anonymous false
password_file {passwords}
acl_file {rules}
user {user}
# What is queued is written every 30 s, and at a stop. What a killed broker loses, consumers fetch
# from the producers.
persistence true
persistence_location {data}/
autosave_interval 30
max_inflight_messages 100
max_queued_messages 100000
# The shortest: until then, a replica that was scaled away is given a share of the messages.
persistent_client_expiration 1h
set_tcp_nodelay true
log_dest stdout
log_type error
log_type warning
"""
_ITERATIONS = 101
"""Mosquitto's own number. The passwords have 192 random bits, which no number can make harder."""


def set_up(context: ServerContext) -> ManagedServer:
    """Use the broker that the secret names, else start a private one."""
    if server := external(context, "mosquitto", MQTT):
        return server
    port, data = next(context.ports), context.run.path / "mosquitto"
    data.mkdir(exist_ok=True, mode=0o700)
    logins = create_logins(context, MQTT, f"mqtt://{{user}}:{{password}}@127.0.0.1:{port}")
    files = {
        name: context.run.path / f"mosquitto.{name}" for name in ("conf", "passwords", "rules")
    }
    write_private(files["passwords"], "".join(map(_password_line, logins)))
    write_private(files["rules"], "".join(map(_rules, logins)))
    user = getpass.getuser()  # else root becomes another user, who cannot read these files
    write_private(files["conf"], _CONF.format(port=port, data=data, user=user, **files))
    spec = ProcessSpec(
        name="mosquitto",
        argv=(require_program("mosquitto"), "-c", str(files["conf"])),
        cwd=data,
        env=base_env(context.run),
        probe=tcp_probe(port),
    )
    return ManagedServer(
        "mosquitto",
        f"127.0.0.1:{port}",
        spec,
        data=data,
        restart_sidecars_after=10.0,  # the client waits twice as long after each failure
        logins=frozenset({MQTT}),
    )


def _password_line(login: BrokerLogin) -> str:
    return f"{login.app}:{password_hash(login.password, random.token_bytes(12))}\n"


def password_hash(secret: str, salt: bytes) -> str:
    """Return the hash that Mosquitto 2 stores: PBKDF2 with SHA-512."""
    key = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, _ITERATIONS, 64)
    encoded = (base64.b64encode(part).decode() for part in (salt, key))
    return f"$7${_ITERATIONS}${'$'.join(encoded)}"


def _rules(login: BrokerLogin) -> str:
    """Return the topics of a login. It may subscribe to others, but receives nothing from them."""
    lines = [f"user {login.app}"]
    lines += [f"topic write {topic}" for topic in sorted(login.published)]
    lines += [f"topic read {topic}" for topic in sorted(login.delivered | login.broadcasts)]
    return "\n".join(lines) + "\n\n"
