"""Redis behind the state store of the production set."""

import socket
from functools import partial

from tools.runner.config.paths import write_private
from tools.runner.config.secrets import REDIS, is_generated, password
from tools.runner.http_client import thread_probe
from tools.runner.infra.servers import ManagedServer, ServerContext, choose_port, require_program
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

PORT = 6379

DURABLE = """\
# Every write is on disk before it is acknowledged. `everysec` would survive a killed process, but
# then Redis delays writes for up to 2 s while the disk is busy. The cost is one fsync for all
# writes of one turn of its event loop.
appendonly yes
appendfsync always
save ""
# A backup gets its copy at once (it asks as a replica does), and leaves no file here.
repl-diskless-sync yes
repl-diskless-sync-delay 0
# Without memory, refuse writes instead of evicting state.
maxmemory-policy noeviction
daemonize no
# A title overwrites the environment, with the mark by which `down` finds what a killed runner left.
set-proc-title no
"""
"""The settings with which Redis keeps what it acknowledged."""

_CONF = f"""\
bind 127.0.0.1
port {{port}}
requirepass {{password}}
dir {{data}}
{DURABLE}"""


def set_up(context: ServerContext) -> ManagedServer:
    """Use the Redis at the component's address if it accepts the password, else start one."""
    known = context.secrets.get(REDIS) or ""
    for candidate in (known, ""):
        if context.can_share and is_shared(candidate):
            context.secrets.set(REDIS, candidate)
            return ManagedServer("redis", f"127.0.0.1:{PORT}", spec=None)
    port = choose_port(context, PORT, "Redis")
    context.secrets.set(REDIS, known or password())
    data, conf = context.run.path / "redis", context.run.path / "redis.conf"
    data.mkdir(exist_ok=True, mode=0o700)
    text = _CONF.format(port=port, password=context.secrets[REDIS], data=data)
    write_private(conf, text)
    spec = ProcessSpec(
        name="redis",
        argv=(require_program("redis-server"), str(conf)),
        cwd=data,
        env=base_env(context.run),
        probe=thread_probe(partial(accepts, port, context.secrets[REDIS])),
    )
    address = f"127.0.0.1:{port}"
    overrides = {  # other components have no such setting
        (str(each["metadata"]["name"]), "redisHost"): address
        for each in context.documents
        if each["kind"] == "Component"
    }
    return ManagedServer("redis", address, spec, data=data, overrides=overrides)


def is_shared(secret: str) -> bool:
    """Return whether a Redis on the standard port accepts a password that was not generated."""
    return not is_generated(secret) and accepts(PORT, secret)


def accepts(port: int, secret: str) -> bool:
    """Return whether a Redis at this port accepts this password (empty for none)."""
    login = f"AUTH {secret}\r\n" if secret else ""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(f"{login}PING\r\n".encode())
            file = connection.makefile("rb")
            answers = [file.readline() for _ in range(2 if secret else 1)]
    except OSError:
        return False
    return answers[-1] == b"+PONG\r\n" and answers[0].startswith(b"+")
