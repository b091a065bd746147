"""An image worker: `python -m services.media.pictures`, jobs on stdin, answers on stdout.

It keeps Pillow loaded and forks one child for each picture. The kernel limits the child's time and
memory. So a picture that hangs or crashes a decoder ends that child alone, and a compromised
decoder never sees another user's picture.
"""

import ctypes
import fcntl
import gc
import json
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

from PIL import Image

from services.media.pictures import protocol
from services.media.pictures.model import Kind, PictureError, Processed

OUT_OF_MEMORY = 71  # our own exit code: a child without memory cannot write an answer
MAX_ANSWER = 64 * 1024 * 1024

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Process = Callable[[bytes], Processed]


def serve(processes: Mapping[Kind, Process]) -> None:
    """Answer jobs, one at a time, until stdin ends.

    A job is a line of JSON (kind, size, seconds, memory) and `size` bytes; an answer is a line
    of JSON (exit, size) and `size` bytes in the format of `protocol`.
    """
    _die_with(os.getppid())
    Image.init()
    gc.freeze()  # otherwise every child copies the pages that the collector touches
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    _enlarge_pipe(jobs)
    _send(answers, {"ready": True})
    while line := jobs.readline():
        job = json.loads(line)
        data = jobs.read(job["size"])
        status, answer = _run_in_child(processes[job["kind"]], data, job)
        _send(answers, {"exit": status, "size": len(answer)}, answer)


def _enlarge_pipe(pipe: BinaryIO) -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # uvloop uses a socket, whose buffer is large already
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def _send(answers: BinaryIO, head: dict[str, object], body: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n" + body)
    answers.flush()


def _run_in_child(process: Process, data: bytes, job: Mapping[str, float]) -> tuple[int, bytes]:
    reading, writing = os.pipe()
    worker = os.getpid()
    child = os.fork()
    if child == 0:
        with _exit_after():
            _die_with(worker)
            _set_limits(job["seconds"], int(job["memory"]))
            answer = protocol.encode(_result(process, data))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(answer)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read(MAX_ANSWER)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), answer


@contextmanager
def _exit_after() -> Iterator[None]:
    """Exit the process at the end of the block, also after an exception."""
    status = 1
    try:
        yield
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _result(process: Process, data: bytes) -> Processed | PictureError:
    try:
        return process(data)
    except PictureError as error:
        return error


def _set_limits(seconds: float, memory: int) -> None:
    """Let the kernel limit this process by SIGALRM, SIGXCPU or failed allocations."""
    cpu = math.ceil(seconds)
    for what, limit in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _die_with(parent: int) -> None:
    """Die with the parent. Where prctl is missing, the end of stdin and the limits do it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Serve the functions that process pictures."""
    from services.media.pictures.processing import PROCESSES

    serve(PROCESSES)


if __name__ == "__main__":
    main()
