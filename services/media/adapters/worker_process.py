"""A process that decodes pictures, as its parent sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.media.pictures import protocol

_ROOT = Path(__file__).resolve().parents[3]
_ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH")  # no secrets: decoders read untrusted bytes
# A new child touches every page again: huge pages saved 32 ms of 216 at 12 megapixels.
_TUNING = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
_STOP_TIMEOUT = 2.0  # seconds for a worker to end with all its children; then it is killed
_BUFFER = 1 << 20  # bytes


class WorkerProcess:
    """One `python -m services.media.pictures`, and the socket to it."""

    def __init__(self, process: asyncio.subprocess.Process, jobs: socket.socket) -> None:
        self._process, self._jobs = process, jobs
        self.missing: list[str] = []

    @classmethod
    async def start(cls, command: Sequence[str]) -> WorkerProcess:
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        jobs, theirs = _socket_pair()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                env={**kept, **_TUNING, "PYTHONPATH": str(_ROOT)},
                start_new_session=True,  # not reached by Ctrl-C, and one kill ends its child too
            )
        except BaseException:
            jobs.close()
            raise
        finally:
            theirs.close()
        return cls(process, jobs)

    async def wait_until_ready(self) -> None:
        self.missing = (await self._report())["missing"]

    async def process(self, job: dict[str, Any], data: bytes) -> tuple[int, bytes]:
        """Have a picture processed; return the exit status of its process and its answer."""
        ours, theirs = _socket_pair()
        with theirs:  # the message is short, and the one before it was read: there is room for it
            socket.send_fds(self._jobs, [json.dumps(job).encode()], [theirs.fileno()])
        answer = await _exchange(ours, data)
        return int((await self._report())["exit"]), answer

    async def _report(self) -> dict[str, Any]:
        line = await asyncio.get_running_loop().sock_recv(self._jobs, _BUFFER)
        if not line:
            raise OSError("a picture worker ended before it was ready; its log says why")
        report: dict[str, Any] = json.loads(line)
        return report

    async def stop(self) -> None:
        """End the worker and all its children: it does so itself, or else is killed."""
        with suppress(OSError):  # it may have ended already
            self._jobs.shutdown(socket.SHUT_WR)
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        finally:
            self._jobs.close()


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return our end, which never blocks, and theirs."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


async def _exchange(child: socket.socket, data: bytes) -> bytes:
    """Send a picture, and return the answer; an incomplete one if the child ends."""
    try:
        reader, writer = await asyncio.open_unix_connection(sock=child, limit=_BUFFER)
    except BaseException:
        child.close()
        raise
    try:
        writer.write(data)
        writer.write_eof()
        return await reader.readexactly(protocol.MAX_ANSWER + 1)  # which nobody sends
    except asyncio.IncompleteReadError as end:
        return end.partial
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()
