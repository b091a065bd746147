"""Chooses free ports, and names the owner of a taken one."""

import contextlib
import fcntl
import os
import random
import socket
from collections.abc import Iterator
from functools import cache

from tools.runner.config.paths import user_cache
from tools.runner.errors import RunnerError

_RANGE = range(20_000, 32_000)
"""Below the ephemeral ports of Linux (32768 and up), so that an outgoing connection cannot take the
port of a restarting process."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return not is_listening(port)


def is_listening(port: int) -> bool:
    """Return whether something listens on this port of the loopback address."""
    with socket.socket() as caller:
        caller.settimeout(0.5)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def free_ports() -> Iterator[int]:
    """Yield free ports that no other runner of this user has reserved.

    The reservation lasts until this process ends, also while a listener is being restarted.
    """
    for port in random.sample(_RANGE, len(_RANGE)):
        if _reserve(port) and is_free(port):
            yield port
    raise RunnerError(f"no free port left between {_RANGE.start} and {_RANGE.stop}")


def _reserve(port: int) -> bool:
    """Lock the byte of a port in a shared file; the lock ends with the process."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    return True


@cache
def _reservations() -> int:
    """Open the file that all runners of this user share; closing it releases all ports."""
    folder = user_cache()
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / "ports", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def require_free(port: int, source: str = "") -> int:
    """Return the port if it is free; `source` says who asks for it.

    Raises RunnerError with its owner if not.
    """
    if is_free(port):
        return port
    raise RunnerError(
        f"{f'{source}: ' * bool(source)}port {port} is taken by {port_owner(port)}: "
        "stop that, or choose another port with --port (0: any free ports)"
    )


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of the loopback address, for processes to share."""
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    listener.setblocking(False)
    return listener


def port_owner(port: int) -> str:
    """Return the process that listens on a port, if this user may see it."""
    import psutil

    with contextlib.suppress(psutil.Error, PermissionError):
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and tuple(connection.laddr)[1:2] == (port,) and connection.pid:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (pid {process.pid}: {' '.join(process.cmdline())[:100]})"
    return "a process of another user"
