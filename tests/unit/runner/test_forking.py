"""Services are forked from a process with their imports, and behave as if they were started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tools.runner.config.paths import REPO, RunDir
from tools.runner.infra.ports import listen
from tools.runner.supervisor.fork_server import Program
from tools.runner.supervisor.forking import ForkedProcess, ForkServer, program_of
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec

SHARED = """
import os
from pathlib import Path
Path(os.environ["IMPORTS"]).open("a").write("once\\n")
VALUE = 1
"""
PROGRAM = """
import json, os, shared, signal, sys, time
print(json.dumps({
    "arguments": sys.argv[1:],
    "name": __name__,
    "folder": os.getcwd(),
    "path": sys.path[0],
    "env": dict(os.environ),
    "input": sys.stdin.read(),
    "is_leader": os.getsid(0) == os.getpid(),
    "value": shared.VALUE,
}), flush=True)
if sys.argv[1] == "sleep":
    time.sleep(60)
print("bye", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
LISTENING = """
import os, socket
with socket.socket(fileno=int(os.environ["MICROGRAM_LISTEN_FD"])) as shared:
    shared.setblocking(True)
    while True:
        connection, _ = shared.accept()
        connection.sendall(b"welcome")
        connection.close()
"""


async def _ready() -> bool:
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared.py").write_text(SHARED)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "broken.py").write_text("raise RuntimeError")
    return tmp_path


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[ForkServer]:
    env = dict(os.environ) | {"PYTHONPATH": str(folder), "IMPORTS": str(folder / "imports")}
    server = ForkServer(["broken", "shared"], env, folder / "log")
    yield server
    await server.close()


def program(folder: Path, *arguments: str) -> Program:
    env = {"IMPORTS": str(folder / "imports"), "OWN": "x", "PATH": os.environ["PATH"]}
    return Program("program", "program", arguments, str(folder), env)


async def output(child: ForkedProcess) -> str:
    assert child.stdout
    async with asyncio.timeout(60):
        return (await child.stdout.read()).decode()


async def first_line(child: ForkedProcess) -> dict[str, object]:
    assert child.stdout
    async with asyncio.timeout(60):
        found: dict[str, object] = json.loads(await child.stdout.readline())
    return found


async def test_a_program_gets_what_a_start_would_give_it(server: ForkServer, folder: Path) -> None:
    child = await server.spawn(program(folder, "3", "more"))
    said = await first_line(child)
    assert said == {
        "arguments": ["3", "more"],
        "name": "__main__",
        "folder": str(folder),
        "path": str(folder),
        "env": program(folder).env,
        "input": "",
        "is_leader": True,
        "value": 1,
    }
    assert await output(child) == "bye\n"
    assert (await child.wait(), child.returncode) == (3, 3)


async def test_what_programs_share_is_imported_once(server: ForkServer, folder: Path) -> None:
    children = await asyncio.gather(*(server.spawn(program(folder, "0")) for _ in range(4)))
    assert [await child.wait() for child in children] == [0, 0, 0, 0]
    assert (folder / "imports").read_text() == "once\n"


async def test_a_changed_file_takes_effect_at_the_next_start(
    server: ForkServer, folder: Path
) -> None:
    await (await server.spawn(program(folder, "0"))).wait()
    (folder / "shared.py").write_text(SHARED.replace("VALUE = 1", "VALUE = 22"))
    child = await server.spawn(program(folder, "4"))
    assert (await first_line(child))["value"] == 22
    assert await child.wait() == 4


async def test_a_signal_is_reported(server: ForkServer, folder: Path) -> None:
    child = await server.spawn(program(folder, "sleep"))
    await first_line(child)
    assert child.returncode is None
    os.kill(child.pid, signal.SIGTERM)
    assert await child.wait() == -signal.SIGTERM


async def test_the_end_of_the_server_ends_its_programs_and_the_next_start_begins_another(
    server: ForkServer, folder: Path
) -> None:
    child = await server.spawn(program(folder, "sleep"))
    await first_line(child)
    assert server._server
    os.kill(server._server.pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        assert await child.wait() == -signal.SIGKILL
    again = await server.spawn(program(folder, "0"))
    assert await again.wait() == 0


async def test_nothing_outlives_a_start_that_was_given_up(server: ForkServer, folder: Path) -> None:
    spawning = asyncio.create_task(server.spawn(program(folder, "sleep")))
    await asyncio.sleep(0)
    spawning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spawning
    assert server._server
    assert not server._children


async def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def test_the_server_ends_with_the_runner(folder: Path) -> None:
    server = ForkServer([], dict(os.environ), folder / "log")
    env = dict(os.environ) | {"PYTHONPATH": str(folder), "IMPORTS": str(folder / "imports")}
    child = await server.spawn(Program("p", "json.tool", ("--help",), str(folder), env))
    await child.wait()
    await server.close()
    assert server._server
    assert server._server.returncode == 0


async def test_a_supervised_process_is_forked_and_restarted(
    run: RunDir, server: ForkServer, folder: Path
) -> None:
    async def ready() -> bool:
        return True

    argv = (sys.executable, "-m", "program", "sleep")
    process = ManagedProcess(
        ProcessSpec("program", argv, folder, server.env, ready), run.logs, fork_server=server
    )
    process.start()
    process.enable_restarts()
    try:
        await until(lambda: process.is_ready.is_set() and process.log.read_bytes() != b"")
        first = process.pid
        assert first in server._children
        os.kill(first, signal.SIGKILL)
        await until(lambda: process.pid not in (first, None))
        assert process.cause == "was killed by SIGKILL"
        assert process.pid in server._children
    finally:
        await process.stop()
    assert server._children == {}


COMMAND = (sys.executable, "-m", "services.posts", "x")


def test_only_modules_of_the_same_python_are_forked() -> None:
    found = program_of("posts", COMMAND, REPO, {"PYTHONUNBUFFERED": "1"}, {})
    assert found
    assert (found.module, found.arguments, found.folder) == ("services.posts", ("x",), str(REPO))
    python = Path(sys.executable)
    assert program_of("posts", (python.name, *COMMAND[1:]), python.parent, {}, {})
    for other in (
        ("/usr/bin/daprd", "--app-id", "posts"),
        ("/usr/bin/python3", "-m", "services.posts"),
        (sys.executable, "-c", "pass"),
        (sys.executable, "-m"),
        (sys.executable,),
    ):
        assert program_of("posts", other, REPO, {}, {}) is None


def test_settings_of_python_must_be_those_of_the_fork_server() -> None:
    here, there = {"PYTHONPATH": "/x"}, {"PYTHONPATH": "/y"}
    assert program_of("posts", COMMAND, REPO, here, here)
    for own, of_server in ((here, {}), ({}, here), (here, there)):
        assert program_of("posts", COMMAND, REPO, own, of_server) is None


async def test_a_program_takes_connections_of_a_socket_that_the_runner_keeps(
    server: ForkServer, folder: Path, run: RunDir
) -> None:
    (folder / "listening.py").write_text(LISTENING)
    with listen(0) as shared:
        port = shared.getsockname()[1]
        argv = (sys.executable, "-m", "listening")
        spec = ProcessSpec("listening", argv, folder, server.env, _ready, listener=shared)
        for fork_server in (server, None):
            waiting = await asyncio.open_connection("127.0.0.1", port)  # before anybody accepts
            process = ManagedProcess(spec, run.logs, fork_server=fork_server)
            process.start()
            async with asyncio.timeout(60):
                assert await waiting[0].read() == b"welcome"
            waiting[1].close()
            await process.stop()


async def test_a_program_that_serves_before_its_start_is_known_ends_with_its_stop(
    server: ForkServer, folder: Path, run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "listening.py").write_text(LISTENING)
    send, is_known = socket.send_fds, threading.Event()

    def slow(*request: Any) -> int:
        sent = send(*request)
        assert is_known.wait(60)
        return sent

    monkeypatch.setattr(socket, "send_fds", slow)
    with listen(0) as shared:
        argv = (sys.executable, "-m", "listening")
        spec = ProcessSpec("listening", argv, folder, server.env, _ready, listener=shared)
        process = ManagedProcess(spec, run.logs, fork_server=server)
        process.start()
        reading, writing = await asyncio.open_connection(*shared.getsockname())
        async with asyncio.timeout(60):
            assert await reading.read() == b"welcome"
        writing.close()
        stopping = asyncio.create_task(process.stop())
        assert not (await asyncio.wait([stopping], timeout=0.1))[0]
        is_known.set()
        await stopping
    assert not server._children
