"""What a process that decodes a picture may do: read it, compute, and write the answer.

Each rule holds by itself, so a process that gets around one meets the next. Tests take them away
one by one.
"""

import math
import os
import resource
import signal
from typing import Final, Literal

from services.media.pictures import kernel, landlock, seccomp
from services.media.pictures.model import Format

Rule = Literal["descriptors", "limits", "landlock", "seccomp", "orphans"]

RULES: Final[frozenset[Rule]] = frozenset(
    ("descriptors", "limits", "landlock", "seccomp", "orphans")
)
MAX_DESCRIPTORS = 64
"""Of an image worker, which has five, so that a child can close all without a list of them."""

_WITH_THREADS: Final[frozenset[Format]] = frozenset({"HEIF"})  # libde265 always starts one


def missing() -> list[str]:
    """Return the protections that this kernel lacks."""
    lacking = [] if landlock.version() else ["Landlock"]
    return lacking if seccomp.is_available() else [*lacking, "seccomp"]


def enter(
    socket: int, file_format: Format, seconds: float, memory: int, *, rules: frozenset[Rule]
) -> int:
    """Give up all that decoding does not need, and return the new descriptor of `socket`.

    It is the only one that stays open. A rule that the kernel lacks is left out; `missing` says
    so beforehand. Raises OSError for one that it has and that fails.
    """
    if "descriptors" in rules:
        socket = os.dup2(socket, 0)
        os.closerange(1, MAX_DESCRIPTORS)
    if kernel.IS_LINUX:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if "landlock" in rules and (known := landlock.version()):
        landlock.deny_everything(known)
    threads = file_format in _WITH_THREADS
    if "limits" in rules:
        _set_limits(seconds, memory, processes=None if threads else 0)
    if "seccomp" in rules and seccomp.is_available():
        seccomp.allow_decoding_only(threads=threads)
    return socket


def _set_limits(seconds: float, memory: int, processes: int | None) -> None:
    """Let the kernel limit this process by SIGALRM, SIGXCPU or failed calls."""
    processor = math.ceil(seconds)
    # The kernel sends SIGXCPU at the soft limit, but SIGKILL where the hard one is reached as well.
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, processes),  # counts threads too; root is not bound by it
    ):
        if limit is not None:
            resource.setrlimit(what, (limit, limit))
    signal.setitimer(signal.ITIMER_REAL, seconds)
