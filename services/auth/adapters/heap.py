"""Returns memory that a thread has freed to the kernel."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

_TRIM_THRESHOLD = -1  # M_TRIM_THRESHOLD of malloc.h
_KEPT_BYTES = 2**25
_TOUCHED_BYTES = 2**17
_lock = threading.Lock()


def release_heap() -> None:
    """Return the free end of this thread's heap, where the C library is glibc; else do nothing.

    glibc keeps what was freed last, so that the next block of that size costs no page faults.
    `malloc_trim` does not look at the ends of the heaps of threads. A freed block does, while the
    threshold is low.
    """
    libc: Any = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    with _lock:
        libc.mallopt(_TRIM_THRESHOLD, _TOUCHED_BYTES)
        libc.free(libc.malloc(_TOUCHED_BYTES))
        libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
