"""The runner's side of the fork server: services that start from a process with their imports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from tools.runner.config.paths import REPO
from tools.runner.supervisor.fork_server import Program

_HARMLESS = "PYTHONUNBUFFERED"
_STOP_TIMEOUT = 1.0
_GIVE_UP_TIMEOUT = 10.0
"""Seconds that a start which is given up may last: more than the imports of the fork server take.
A later one is still killed when it comes."""


class Child(Protocol):
    """What the supervision of a process needs of it; an `asyncio.subprocess.Process` has it."""

    pid: int
    stdout: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...


class ForkedProcess:
    """A process that the fork server forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stdout: asyncio.StreamReader | None = None
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        return self._code.result() if self._code.done() else None

    async def wait(self) -> int:
        """Wait for its end; return its exit code, or the negative number of a signal."""
        return await asyncio.shield(self._code)

    def ended(self, code: int) -> None:
        """Note its end."""
        if not self._code.done():
            self._code.set_result(code)


def program_of(
    name: str,
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    server_env: Mapping[str, str],
) -> Program | None:
    """Return the program of a command, or None for one that cannot be forked.

    It must be `python -m MODULE` with the runner's own Python, on Linux. Variables of Python
    itself, such as PYTHONPATH, take effect at its start only: the fork server must have the same.
    """
    python, *rest = argv
    is_module = rest[:1] == ["-m"] and len(rest) > 1 and folder / python == Path(sys.executable)
    is_alike = _python_settings(env) == _python_settings(server_env)
    if not is_module or not is_alike or sys.platform != "linux":
        return None
    return Program(name, rest[1], tuple(rest[2:]), str(folder), env)


def _python_settings(env: Mapping[str, str]) -> dict[str, str]:
    return {k: each for k, each in env.items() if k.startswith("PYTHON") and k != _HARMLESS}


class ForkServer:
    """Starts the fork server when it is first used, and again if it has died."""

    def __init__(self, modules: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._modules = modules
        self.env: Mapping[str, str] = {**env, _HARMLESS: "1"}
        self._log = log
        self._server: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[ForkedProcess] | None = None
        self._children: dict[int, ForkedProcess] = {}

    async def spawn(self, program: Program, *shared: int) -> ForkedProcess:
        """Start a program, with a listening socket to share if its descriptor is given.

        Raises OSError if the server dies meanwhile. If it is cancelled, the program has ended
        when it returns: it takes no connection of the socket any more.
        """
        spawning = asyncio.create_task(self._spawn(program, shared))
        try:
            return await asyncio.shield(spawning)
        except asyncio.CancelledError:
            ending = asyncio.create_task(_end(spawning))
            await asyncio.wait([ending], timeout=_GIVE_UP_TIMEOUT)
            raise

    async def _spawn(self, program: Program, shared: Sequence[int]) -> ForkedProcess:
        async with self._turn:
            control = self._control or await self._start()
            ours, theirs = os.pipe()
            output = await _reader(ours)
            self._answer = asyncio.get_running_loop().create_future()
            try:
                request = json.dumps(asdict(program)).encode()
                sent = [theirs, *shared]
                await asyncio.to_thread(socket.send_fds, control, [request], sent)
                child = await self._answer
            finally:
                os.close(theirs)
                self._answer = None
            child.stdout = output
            return child

    async def close(self) -> None:
        """End the server; its programs are expected to have ended."""
        self._lose()
        if self._server and self._server.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait(), _STOP_TIMEOUT)
                return
            self._server.kill()

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = (sys.executable, "-m", "tools.runner.supervisor.fork_server")
        with theirs, self._log.open("ab") as log:
            self._server = await asyncio.create_subprocess_exec(
                *(*command, str(theirs.fileno()), *self._modules),
                cwd=REPO,
                env=self.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._receive, ours)
        return ours

    def _receive(self, control: socket.socket) -> None:
        try:
            packet = control.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lose()
            return
        message = json.loads(packet)
        pid, code = message["pid"], message.get("code")
        if code is not None:
            self._children.pop(pid).ended(code)
        elif self._answer:
            self._children[pid] = ForkedProcess(pid)
            self._answer.set_result(self._children[pid])

    def _lose(self) -> None:
        """Give up the server. Its programs cannot be waited for any more: they are killed."""
        if self._control:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        if self._answer and not self._answer.done():
            self._answer.set_exception(OSError(f"the fork server died: see {self._log}"))
        for child in self._children.values():
            _kill(child)
            child.ended(-signal.SIGKILL)
        self._children.clear()


async def _reader(pipe: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(pipe, "rb"))
    return reader


def _kill(child: ForkedProcess) -> None:
    for kill in (os.killpg, os.kill):  # a fork that has only just begun leads no group yet
        with contextlib.suppress(ProcessLookupError):
            kill(child.pid, signal.SIGKILL)


async def _end(spawning: asyncio.Task[ForkedProcess]) -> None:
    """Kill a process that nobody waits for any more, and wait for its end."""
    with contextlib.suppress(OSError):
        child = await spawning
        _kill(child)
        await child.wait()
