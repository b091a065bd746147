"""The runner's own door: a unix socket by which other commands ask the living one."""

import asyncio
import contextlib
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.supervisor.supervisor import READY_TIMEOUT, Supervisor

_LONGEST = 100
"""Bytes of a unix socket's path: 104 at most on macOS, 108 on Linux."""


def socket_path(run: RunDir) -> Path:
    """Return where the socket goes: the run directory, or a private one where that is too deep."""
    path = run.path / "control.sock"
    if len(bytes(path)) <= _LONGEST:
        return path
    return Path(tempfile.mkdtemp(prefix="microgram-")) / "control.sock"


@contextlib.asynccontextmanager
async def serve_control_socket(system: Supervisor, path: Path) -> AsyncIterator[None]:
    """Answer on the socket while the block runs; one that a killed runner left is replaced."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await _obey(system, json.loads(await reader.readline()))
        except (RunnerError, TimeoutError, ValueError, KeyError) as error:
            reply = {"error": str(error) or "it is not ready yet"}
        writer.write(json.dumps(reply).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    try:
        yield
    finally:
        server.close()
        remove_socket(path)


def remove_socket(path: Path) -> None:
    """Remove a socket, and the folder that was made for it."""
    path.unlink(missing_ok=True)
    if path.parent.name.startswith("microgram-"):
        path.parent.rmdir()


async def _obey(system: Supervisor, order: dict[str, Any]) -> dict[str, Any]:
    verb, name = order["verb"], order.get("name", "")
    if verb in ("stop", "restart"):
        await system.stop_named(name)
    if order.get("empty"):
        shutil.rmtree(system.server_data(name), ignore_errors=True)
    if verb in ("start", "restart"):
        await system.start_named(name)
    return system.report()


def send_command(
    run: RunDir, order: dict[str, Any], seconds: float = READY_TIMEOUT + 30.0
) -> dict[str, Any] | None:
    """Return the living runner's answer, or None where there is no living runner.

    Raises RunnerError with what it complains of.
    """
    path = run.read_state().get("control") or str(run.path / "control.sock")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(seconds)
        try:
            caller.connect(path)
            caller.sendall(json.dumps(order).encode() + b"\n")
            reply: dict[str, Any] = json.loads(caller.makefile().readline())
        except (OSError, ValueError):
            return None
    if "error" in reply:
        raise RunnerError(reply["error"])
    return reply
