"""Redis behind the state store of the production set."""

import asyncio
import socket

from tools.runner.config.paths import write_private
from tools.runner.config.secrets import REDIS, password
from tools.runner.infra.servers import ManagedServer, ServerContext, choose_port, require_program
from tools.runner.supervisor.process import Probe, ProcessSpec
from tools.runner.supervisor.replicas import base_env

PORT = 6379

_CONF = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {data}
# Every write is on disk before it is answered. `everysec` would do for a process that is killed,
# except that Redis then holds writes back for up to 2 s while the disk is busy; the price is one
# fsync for all the writes of one turn of its loop.
appendonly yes
appendfsync always
save ""
# State must not be forgotten for want of memory: refuse writes instead.
maxmemory-policy noeviction
daemonize no
"""


def set_up(need: ServerContext) -> ManagedServer:
    """Use the Redis that listens at the component's address, else start a private one."""
    known = need.secrets.get(REDIS) or ""
    for candidate in (known, ""):
        if need.can_share and accepts(PORT, candidate):
            need.secrets.set(REDIS, candidate)
            return ManagedServer("redis", f"127.0.0.1:{PORT}", spec=None)
    port = choose_port(need, PORT, "Redis")
    need.secrets.set(REDIS, known or password())
    data, conf = need.run.path / "redis", need.run.path / "redis.conf"
    data.mkdir(exist_ok=True, mode=0o700)
    text = _CONF.format(port=port, password=need.secrets[REDIS], data=data)
    write_private(conf, text)
    spec = ProcessSpec(
        name="redis",
        argv=(require_program("redis-server"), str(conf)),
        cwd=data,
        env=base_env(need.run),
        probe=_probe(port, need.secrets[REDIS]),
    )
    address = f"127.0.0.1:{port}"
    overrides = {(store, "redisHost"): address for store in ("statestore", "workflowstore")}
    return ManagedServer("redis", address, spec, data=data, overrides=overrides)


def accepts(port: int, secret: str) -> bool:
    """Tell whether a Redis at this port takes this password (none: an empty one)."""
    login = f"AUTH {secret}\r\n" if secret else ""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(f"{login}PING\r\n".encode())
            file = connection.makefile("rb")
            answers = [file.readline() for _ in range(2 if secret else 1)]
    except OSError:
        return False
    return answers[-1] == b"+PONG\r\n" and answers[0].startswith(b"+")


def _probe(port: int, secret: str) -> Probe:
    async def probe() -> bool:
        return await asyncio.to_thread(accepts, port, secret)

    return probe
