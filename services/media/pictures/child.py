"""The process of one picture: enters the sandbox, reads, decodes, answers and ends."""

import os
import signal
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from services.media.pictures import kernel, protocol, sandbox
from services.media.pictures.model import MAX_BYTES, PictureError, Processed
from services.media.pictures.sandbox import Rule

OUT_OF_MEMORY = 71  # our own exit code: a child without memory cannot write an answer
_CHUNK = 1 << 20

Process = Callable[[bytes], Processed]


def run(
    process: Process,
    job: Mapping[str, Any],
    descriptor: int,
    *,
    worker: int,
    rules: frozenset[Rule],
) -> NoReturn:
    """Do a job with the picture from a socket, write the answer to it, and end this process."""
    status = 1
    try:
        _die_with(worker)
        descriptor = sandbox.enter(
            descriptor, job["format"], job["seconds"], job["memory"], rules=rules
        )
        _write(descriptor, protocol.encode(_result(process, _read(descriptor))))
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except BaseException:  # nothing but the socket is left to tell it
        with suppress(BaseException):
            _write(descriptor, protocol.encode_failure(traceback.format_exc()))
    finally:
        os._exit(status)


def _result(process: Process, data: bytes) -> Processed | PictureError:
    try:
        return process(data)
    except PictureError as error:
        return error


def _read(descriptor: int) -> bytes:
    parts, size = [], 0
    while size <= MAX_BYTES and (part := os.read(descriptor, _CHUNK)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _write(descriptor: int, answer: bytes) -> None:
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _die_with(parent: int) -> None:
    """Die with the parent. Where prctl is missing, the limits do it."""
    if kernel.IS_LINUX:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
