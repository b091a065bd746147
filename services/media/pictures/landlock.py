"""Landlock: takes all files, TCP ports and foreign processes away from this process.

An empty set of rules allows nothing. What is open already can still be used, and what is loaded
already still runs. See https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os

from services.media.pictures import kernel

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same on every architecture
_GET_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION

_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # how many rights each version of the ABI knows
_BIND_AND_CONNECT_TCP = 0b11  # since version 4
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # since version 6


class _RulesetAttributes(ctypes.Structure):
    """`struct landlock_ruleset_attr`. Older kernels accept its newer fields if they are zero."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def version() -> int:
    """Return the version of the kernel's Landlock ABI; 0 if it has none."""
    if not kernel.IS_LINUX:
        return 0
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _GET_VERSION)
    except OSError:
        return 0


def deny_everything(known: int) -> None:
    """Deny what version `known` of the ABI can deny, to this process and all it starts.

    Cannot be undone. Needs PR_SET_NO_NEW_PRIVS. Raises OSError.
    """
    attributes = _RulesetAttributes(
        handled_access_fs=(1 << max(n for at, n in _FILE_RIGHTS.items() if at <= known)) - 1,
        handled_access_net=_BIND_AND_CONNECT_TCP if known >= 4 else 0,
        scoped=_ABSTRACT_SOCKETS_AND_SIGNALS if known >= 6 else 0,
    )
    ruleset = kernel.syscall(_CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)
    try:
        kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
