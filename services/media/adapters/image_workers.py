"""Processes pictures off the event loop, in processes that may die.

Each picture has a process of its own, forked from a worker that has Pillow loaded. Measured on
2 cores, the median overhead is 9 ms for a small photo, not measurable for one of 12 megapixels, and
up to 140 ms for one of 48. Workers that process many pictures each would have an overhead of 1 ms.
The price is paid so that a compromised decoder never sees another user's picture.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from services.media.pictures import Kind, PictureError, Processed, protocol, sniff

_ROOT = Path(__file__).resolve().parents[3]
_COMMAND = (sys.executable, "-m", "services.media.pictures")
_ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH")  # no secrets: decoders read untrusted bytes
# A new child touches every page again: huge pages saved 32 ms of 216 at 12 megapixels.
_TUNING = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
_REPORT_TIMEOUT = 2.0  # seconds for the worker to report the end of its child; then both are killed
_OUT_OF_MEMORY = 71  # as in pictures/__main__.py, which is not imported because it loads Pillow


class ImageWorkerPool:
    """Processes pictures in limited child processes: at most `workers` at once, `queue` waiting.

    `seconds` limits the wall-clock and the CPU time of one picture, `memory_bytes` the address
    space of its process. An async context manager.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        queue: int = 16,
        seconds: float = 15.0,
        memory_bytes: int = 1 << 30,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._command = command
        self._limits = {"seconds": seconds, "memory": memory_bytes}
        self._workers = workers
        self._queue = queue
        self._waiting = 0
        self._slots = asyncio.Semaphore(workers)
        self._idle: list[_WorkerProcess] = []
        self._running: set[_WorkerProcess] = set()
        self._open = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the workers and wait until they are ready. Raises OSError if one cannot start."""
        self._open = True
        try:
            self._idle.extend(
                await asyncio.gather(*(self._start_worker() for _ in range(self._workers)))
            )
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Kill every worker. Pictures in progress fail with the code `busy`."""
        self._open = False
        self._idle.clear()
        await asyncio.gather(*(self._stop_worker(worker) for worker in tuple(self._running)))

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed:
        """Process a picture. Raises PictureError with any code."""
        sniff(data)  # refuses what is no picture without a process
        if not self._open or (self._slots.locked() and self._waiting >= self._queue):
            raise _busy()
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._process_on_worker(data, kind)
        finally:
            self._slots.release()

    async def _process_on_worker(self, data: bytes, kind: Kind) -> Processed:
        if not self._open:
            raise _busy()
        worker = self._idle.pop() if self._idle else await self._start_worker()
        try:
            async with asyncio.timeout(self._limits["seconds"] + _REPORT_TIMEOUT):
                status, answer = await worker.process({"kind": kind, **self._limits}, data)
        except TimeoutError as error:
            await self._stop_worker(worker)
            raise _timed_out() from error
        except (OSError, EOFError, ValueError) as error:  # the worker itself has ended
            await self._stop_worker(worker)
            raise _busy() from error
        except BaseException:  # cancelled: nobody waits for the answer any more
            await self._stop_worker(worker)
            raise
        self._idle.append(worker)
        return _decode_answer(status, answer)

    async def _start_worker(self) -> "_WorkerProcess":
        worker = await _WorkerProcess.start(self._command)
        self._running.add(worker)
        try:
            await worker.wait_until_ready()
        except BaseException:
            await self._stop_worker(worker)
            raise
        return worker

    async def _stop_worker(self, worker: "_WorkerProcess") -> None:
        worker.kill()
        await worker.wait_until_ended()
        self._running.discard(worker)


class _WorkerProcess:
    """One `python -m services.media.pictures` and the pipes to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 (for mypy)
        assert process.stdout is not None  # noqa: S101
        self._process, self._jobs, self._answers = process, process.stdin, process.stdout

    @classmethod
    async def start(cls, command: Sequence[str]) -> "_WorkerProcess":
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**kept, **_TUNING, "PYTHONPATH": str(_ROOT)},
            start_new_session=True,  # not reached by Ctrl-C, and one kill ends its child too
            limit=1 << 20,
        )
        return cls(process)

    async def wait_until_ready(self) -> None:
        if not await self._answers.readline():
            raise OSError("a picture worker ended before it was ready; its log says why")

    async def process(self, job: dict[str, Any], data: bytes) -> tuple[int, bytes]:
        self._jobs.write(json.dumps({**job, "size": len(data)}).encode() + b"\n")
        self._jobs.write(data)
        await self._jobs.drain()
        head = json.loads(await self._answers.readline())
        return int(head["exit"]), await self._answers.readexactly(int(head["size"]))

    def kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait_until_ended(self) -> None:
        self._jobs.close()
        await self._process.wait()


def _decode_answer(status: int, answer: bytes) -> Processed:
    """Return what the child answered, or raise the error that its exit status means."""
    if status in (-signal.SIGALRM, -signal.SIGXCPU):
        raise _timed_out()
    if status in (
        _OUT_OF_MEMORY,
        -signal.SIGKILL,
    ):  # SIGKILL: the kernel's own out-of-memory killer
        raise PictureError(
            "out_of_memory",
            "The picture needs more memory than is allowed. Make it smaller and try again.",
        )
    try:
        if status == 0:
            return protocol.decode(answer)
    except (ValueError, KeyError, TypeError) as error:
        raise _broken() from error
    raise _broken()


def _broken() -> PictureError:
    return PictureError("broken", "The picture cannot be decoded. Send it in another format.")


def _timed_out() -> PictureError:
    return PictureError(
        "timed_out", "The picture took too long to decode. Make it smaller and try again."
    )


def _busy() -> PictureError:
    return PictureError("busy", "Too many pictures are being processed. Try again in a moment.")
