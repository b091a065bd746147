"""System calls that Python has no function for."""

import ctypes
import os
import sys

IS_LINUX = sys.platform == "linux"

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)
Argument = int | ctypes.Structure | None


def prctl(option: int, *values: Argument) -> int:
    """Change how the kernel treats this process. Raises OSError."""
    return _checked(_libc.prctl(option, *map(_passed, (*values, 0, 0, 0, 0)[:4])))


def syscall(number: int, *values: Argument) -> int:
    """Call a system call by its number. Raises OSError."""
    return _checked(_libc.syscall(ctypes.c_long(number), *map(_passed, values)))


def _passed(value: Argument) -> object:
    """Structures are passed by their address, and numbers with all 64 bits."""
    if isinstance(value, ctypes.Structure):
        return ctypes.byref(value)
    return ctypes.c_void_p() if value is None else ctypes.c_ulong(value)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
