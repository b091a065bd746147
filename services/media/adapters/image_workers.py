"""Processes pictures off the event loop, in processes that may die.

Each picture has a process of its own, forked from a worker that has Pillow loaded, and confined to
a sandbox (`services/media/pictures/sandbox`). The picture and the answer pass through a socket that
only this service and that process have.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any, Self

from services.media.adapters.worker_process import WorkerProcess
from services.media.pictures import Kind, PictureError, Processed, protocol, sniff

log = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-m", "services.media.pictures")
_REPORT_TIMEOUT = 2.0  # seconds for the worker to report the end of its child; then it is stopped
_OUT_OF_MEMORY = 71  # as in pictures/child.py, which is not imported because it loads ctypes
_FAILED = 1  # the answer is a traceback


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
        self._idle: list[WorkerProcess] = []
        self._running: set[WorkerProcess] = set()
        self._open = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the workers and wait until they are ready. Raises OSError if one cannot start.

        Logs a warning if the kernel lacks a protection of the sandbox.
        """
        self._open = True
        try:
            self._idle.extend(
                await asyncio.gather(*(self._start_worker() for _ in range(self._workers)))
            )
        except BaseException:
            await self.close()
            raise
        if self._idle and self._idle[0].missing:
            log.warning(
                "pictures are decoded with less protection: the kernel lacks %s",
                " and ".join(self._idle[0].missing),
            )

    async def close(self) -> None:
        """Kill every worker. Pictures in progress fail with the code `busy`."""
        self._open = False
        self._idle.clear()
        await asyncio.gather(*(self._stop_worker(worker) for worker in tuple(self._running)))

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed:
        """Process a picture. Raises PictureError with any code."""
        file_format = sniff(data)  # refuses what is no picture without a process
        if not self._open or (self._slots.locked() and self._waiting >= self._queue):
            raise _busy()
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._process_on_worker(
                {"kind": kind, "format": file_format, **self._limits}, data
            )
        finally:
            self._slots.release()

    async def _process_on_worker(self, job: dict[str, Any], data: bytes) -> Processed:
        if not self._open:
            raise _busy()
        worker = self._idle.pop() if self._idle else await self._start_worker()
        try:
            async with asyncio.timeout(self._limits["seconds"] + _REPORT_TIMEOUT):
                status, answer = await worker.process(job, data)
        except TimeoutError as error:
            await self._stop_worker(worker)
            raise _timed_out() from error
        except (OSError, EOFError, ValueError) as error:  # the worker itself has ended
            await self._stop_worker(worker)
            raise _busy() from error
        except BaseException:  # cancelled: nobody waits for the answer any more
            await self._stop_worker(worker)
            raise
        if not self._open:  # the worker has killed its child, because `close` stops it
            raise _busy()
        self._idle.append(worker)
        return _decode_answer(status, answer)

    async def _start_worker(self) -> WorkerProcess:
        worker = await WorkerProcess.start(self._command)
        self._running.add(worker)
        try:
            await worker.wait_until_ready()
        except BaseException:
            await self._stop_worker(worker)
            raise
        return worker

    async def _stop_worker(self, worker: WorkerProcess) -> None:
        await worker.stop()
        self._running.discard(worker)


def _decode_answer(status: int, answer: bytes) -> Processed:
    """Return what the child answered, or raise the error that its exit status means."""
    if status in (-signal.SIGALRM, -signal.SIGXCPU):
        raise _timed_out()
    if status in (_OUT_OF_MEMORY, -signal.SIGKILL):  # SIGKILL: the kernel's out-of-memory killer
        raise PictureError(
            "out_of_memory",
            "The picture needs more memory than is allowed. Make it smaller and try again.",
        )
    try:
        return protocol.decode(answer if status in (0, _FAILED) else b"")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("a picture's process failed", extra={"exit": status, "why": repr(error)})
        raise _broken() from error


def _broken() -> PictureError:
    return PictureError("broken", "The picture cannot be decoded. Send it in another format.")


def _timed_out() -> PictureError:
    return PictureError(
        "timed_out", "The picture took too long to decode. Make it smaller and try again."
    )


def _busy() -> PictureError:
    return PictureError("busy", "Too many pictures are being processed. Try again in a moment.")
