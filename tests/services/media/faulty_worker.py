"""An image worker whose pictures behave like the worst pictures.

What they do needs system calls, so there is no seccomp and no Landlock here; `hostile_worker` has
them.
"""

import os
import signal
import time
from collections.abc import Callable

from services.media.pictures.__main__ import serve
from services.media.pictures.model import Processed, Rendition
from services.media.pictures.sandbox import RULES


def spin() -> None:
    while True:
        pass


def ignore_the_alarm() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(60)


def bug() -> None:
    raise RuntimeError("on purpose")


DEEDS: dict[str, Callable[[], object]] = {
    "sleep": lambda: time.sleep(60),
    "spin": spin,
    "ignore the alarm": ignore_the_alarm,
    "nap": lambda: time.sleep(0.15),
    "memory": lambda: bytes(8 << 30),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "kill the worker": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "say nothing": lambda: os._exit(0),
    "bug": bug,
    "fine": lambda: None,
}


BLURHASH = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"


def sabotage(data: bytes) -> Processed:
    deed, _, log = data[3:].decode().partition(" > ")
    note(log, f"start {os.getpid()}")
    DEEDS[deed]()
    note(log, f"end {os.getpid()}")
    medium, small = rendition(b"\xff\xd8\xffmedium"), rendition(b"\xff\xd8\xffsmall")
    return Processed(rendition(data), medium, small, BLURHASH, "#000000")


def rendition(body: bytes) -> Rendition:
    return Rendition(body, "image/jpeg", 1, 1)


def note(log: str, line: str) -> None:
    if log:
        os.mkfifo(f"{log}.{line.replace(' ', '.')}")  # a file would be beyond RLIMIT_FSIZE


if __name__ == "__main__":
    serve(
        {"photo": sabotage, "avatar": sabotage, "header": sabotage},
        RULES - {"landlock", "seccomp"},
    )
