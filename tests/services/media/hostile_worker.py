"""An image worker whose decoder was taken over: each picture says what its process attempts.

A picture is three bytes of JPEG and a JSON object: the name of the deed and its arguments. The
answer, in the place of the pixels, is what the deed returned, or the error that stopped it. The
rules of the sandbox that are left out are named on the command line.
"""

import ctypes
import json
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.media.pictures import kernel, protocol
from services.media.pictures.__main__ import serve
from services.media.pictures.model import Processed, Rendition
from services.media.pictures.sandbox import RULES

START = b"\xff\xd8\xff"
BLURHASH = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"

_PROCESS_VM_READV, _PIDFD_OPEN, _PIDFD_GETFD = 310, 434, 438
_GET_NO_NEW_PRIVS = 39
_NOBODY = 65534


class _Range(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("address", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_file(path: str) -> str:
    return Path(path).read_text()


def make_file(path: str) -> None:
    os.mkfifo(path)  # RLIMIT_FSIZE would stop bytes in a file


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def connect_to_path(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def send_datagram(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", port))


def start_program() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606 (it never comes to an answer, if it can)


def fork() -> None:
    _leave_if_zero(os.fork())


def fork_as_nobody() -> None:
    """Limits on processes do not hold for root."""
    os.setuid(_NOBODY)
    _leave_if_zero(os.fork())


def _leave_if_zero(pid: int) -> None:
    if pid == 0:
        os._exit(0)


def fork_twice(stay: float = 0.0) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(0)  # otherwise the answer would not end
            time.sleep(60)
        os._exit(0)
    time.sleep(stay)


def map_executable() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()


def make_executable() -> None:
    memory = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(address), 4096, 5):
        raise OSError(ctypes.get_errno(), "mprotect")


def signal_process(pid: int) -> None:
    os.kill(pid, 0)


def read_memory(pid: int, address: int, length: int) -> str:
    found = ctypes.create_string_buffer(length)
    mine = _Range(ctypes.addressof(found), length)
    kernel.syscall(_PROCESS_VM_READV, pid, mine, 1, _Range(address, length), 1, 0)
    return found.raw.decode()


def take_descriptor(pid: int, number: int) -> int:
    return kernel.syscall(_PIDFD_GETFD, kernel.syscall(_PIDFD_OPEN, pid, 0), number, 0)


def answer_for(pid: int) -> None:
    """Take the socket of another picture's process, and answer on it."""
    theirs = take_descriptor(pid, 0)
    os.write(theirs, protocol.encode(_processed({"result": "forged"})))


def list_descriptors() -> list[int]:
    return [each for each in range(64) if _is_open(each)]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def read_descriptor(number: int) -> str:
    return os.read(number, 1 << 20).hex()


def find_in_memory(reversed_text: str, padding: str = "") -> int:
    """Count a text in the memory of this process; reversed, so as not to find the question."""
    del padding
    wanted, found = reversed_text[::-1].encode(), 0
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            memory.seek(start)
            found += memory.read(end - start).count(wanted)
    return found - 1  # `wanted` itself


def compute(seconds: float, padding: str = "") -> None:
    """Work for some seconds. The padding makes the picture larger."""
    del padding
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def compute_without_alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    compute(seconds)


def allocate(size: int) -> None:
    bytes(size)


def no_new_privileges() -> int:
    return kernel.prctl(_GET_NO_NEW_PRIVS)


def signal_worker() -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def say_nothing() -> None:
    """Compute until SIGUSR1, whose handler is set before the sandbox, and end without an answer."""
    while True:
        pass


DEEDS: dict[str, Callable[..., Any]] = {
    deed.__name__: deed
    for deed in (
        read_file, make_file, connect, connect_to_path, send_datagram, start_program, fork,
        fork_as_nobody, fork_twice, map_executable, make_executable, signal_process, read_memory,
        take_descriptor,
        answer_for, list_descriptors, read_descriptor, find_in_memory, compute,
        compute_without_alarm, allocate,
        no_new_privileges, signal_worker, say_nothing,
    )
}  # fmt: skip


def attempt(picture: bytes) -> Processed:
    wanted = json.loads(picture[len(START) :])
    try:
        return _processed({"result": DEEDS[wanted.pop("deed")](**wanted)})
    except OSError as error:
        return _processed({"denied": str(error)})


def _processed(answer: object) -> Processed:
    one = Rendition(START + json.dumps(answer).encode(), "image/jpeg", 1, 1)
    return Processed(one, one, one, BLURHASH, "#000000")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
    serve({"photo": attempt, "avatar": attempt, "header": attempt}, RULES - set(sys.argv[1:]))
