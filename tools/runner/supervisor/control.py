"""The control socket, by which other commands talk to the running runner."""

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
from tools.runner.supervisor.process_table import READY_TIMEOUT
from tools.runner.supervisor.scaling import ReplicaScaler
from tools.runner.supervisor.supervisor import Supervisor
from tools.runner.supervisor.switching import BrokerSwitch

LONG_TIMEOUT = 900.0
"""Seconds for which a command waits for the replicas of a service."""

_MAX_PATH_BYTES = 100
"""The system limit is 104 on macOS and 108 on Linux."""


def socket_path(run: RunDir) -> Path:
    """Return the socket's path: in the run directory, or elsewhere if that is too long."""
    path = run.path / "control.sock"
    if len(bytes(path)) <= _MAX_PATH_BYTES:
        return path
    return Path(tempfile.mkdtemp(prefix="microgram-")) / "control.sock"


@contextlib.asynccontextmanager
async def serve_control_socket(system: Supervisor, path: Path) -> AsyncIterator[None]:
    """Serve the socket while the block runs; replace one that a killed runner left."""
    scaler = ReplicaScaler(system)
    switch = BrokerSwitch(system, scaler)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await _execute(system, scaler, switch, json.loads(await reader.readline()))
        except (RunnerError, TimeoutError, ValueError, KeyError) as error:
            reply = {"error": str(error) or "not ready yet"}
        except Exception as error:  # without an answer the command would wait for it
            reply = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(reply).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    try:
        yield
    finally:
        server.close()
        remove_socket(path)


def remove_socket(path: Path) -> None:
    """Remove a socket, and its temporary folder if it has one."""
    path.unlink(missing_ok=True)
    if path.parent.name.startswith("microgram-"):
        path.parent.rmdir()


async def _execute(
    system: Supervisor, scaler: ReplicaScaler, switch: BrokerSwitch, order: dict[str, Any]
) -> dict[str, Any]:
    """Execute one order; return the report on the system after it."""
    verb, name = order["verb"], order.get("name", "")
    if verb not in ("ps", "report") and not system.is_started:
        raise RunnerError("the system is still starting: `ps` shows what it waits for")
    emptied = system.servers.data_of(name) if order.get("empty") else None
    if verb in ("stop", "restart"):
        await system.stop_named(name)
    if emptied:
        shutil.rmtree(emptied, ignore_errors=True)
        emptied.mkdir(mode=0o700, exist_ok=True)
    if verb in ("start", "restart"):
        await system.start_named(name)
    if verb == "scale":
        await scaler.scale(name, int(order["count"]))
    elif verb == "restart-rolling":
        await scaler.restart_rolling(name)
    elif verb == "switch-begin":
        return system.report() | {"moved": await switch.begin(name)}
    elif verb == "switch-move":
        await switch.move(name, order["app"])
    elif verb == "switch-finish":
        await switch.finish(name)
    return system.report()


def send_command(
    run: RunDir, order: dict[str, Any], seconds: float = READY_TIMEOUT + 30.0
) -> dict[str, Any] | None:
    """Return the response of the runner, or None if there is none.

    Raises RunnerError with the error that it returns.
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
