"""seccomp: leaves this process the few system calls that decoding needs.

The list says what is allowed; all other calls fail with ENOSYS, as in a kernel without them, and
not with a signal: C libraries then use an older call, or do without. So there is no file to open,
no socket, no new process, no other program and no look at other processes. Memory never becomes
executable. See https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import os
import sys

from services.media.pictures import kernel

_SECCOMP_MODE_FILTER = 2

# linux/audit.h, and the numbers from asm/unistd_64.h and asm-generic/unistd.h
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "getpid": (39, 172),
    "exit": (60, 93),
    "gettid": (186, 178),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "exit_group": (231, 94),
    "set_robust_list": (273, 99),
    "getrandom": (318, 278),
    "rseq": (334, 293),
}
_ALLOWED_UNLESS_EXECUTABLE = {"mmap": (9, 222), "mprotect": (10, 226)}
_CLONE = (56, 220)
_PROT_EXEC = 4
_THREAD = 0x3D0F00
"""The flags of pthread_create in glibc. clone3 has them in memory, where no filter can read them;
glibc calls clone where clone3 fails."""

# linux/bpf_common.h: load a word, compare it, test its bits, return
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 32  # in struct seccomp_data
_ALLOW, _KILL = 0x7FFF0000, 0x80000000  # linux/seccomp.h
_DENY = 0x00050000 | errno.ENOSYS

Instruction = tuple[int, int, int, int]  # code, skipped if true, skipped if false, constant


class _Instruction(ctypes.Structure):
    """`struct sock_filter`."""

    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("constant", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def is_available() -> bool:
    """Return whether the kernel has filters, and this module has the numbers of its calls."""
    if not kernel.IS_LINUX or os.uname().machine not in _ARCHITECTURES or sys.maxsize < 2**32:
        return False
    try:
        kernel.prctl(kernel.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None)
    except OSError as error:
        return error.errno == errno.EFAULT  # the way that seccomp(2) recommends
    return False


def allow_decoding_only(*, threads: bool) -> None:
    """Deny all other system calls to this process. `threads` allows new threads of it.

    Cannot be undone. Needs PR_SET_NO_NEW_PRIVS. Raises OSError.
    """
    listed = [_Instruction(*each) for each in _program(os.uname().machine, threads=threads)]
    program = _Program(len(listed), (_Instruction * len(listed))(*listed))
    kernel.prctl(kernel.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program)


def _program(machine: str, *, threads: bool) -> list[Instruction]:
    architecture, column = _ARCHITECTURES[machine]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),  # 32-bit calls, whose numbers mean something else
        (_LOAD, 0, 0, _NUMBER),
    ]
    for numbers in _ALLOWED.values():
        program += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ALLOW)]
    for numbers in _ALLOWED_UNLESS_EXECUTABLE.values():
        program += _if_argument(numbers[column], _THIRD_ARGUMENT, (_ANY_BIT, 1, 0, _PROT_EXEC))
    if threads:
        program += _if_argument(_CLONE[column], _FIRST_ARGUMENT, (_EQUAL, 0, 1, _THREAD))
    return [*program, (_RETURN, 0, 0, _DENY)]


def _if_argument(number: int, argument: int, check: Instruction) -> list[Instruction]:
    """Allow a call where the check of one of its arguments skips nothing."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, argument),
        check,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
