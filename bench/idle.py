"""Waits until the system is idle, and measures the load of other processes."""

from __future__ import annotations

import asyncio
import os
import time

from bench.process_usage import ProcessUsage, machine_busy_seconds, process_cpu

_WINDOW = 0.3
_IDLE_CORES = 0.25
"""Busy cores below which a system is idle: only polls and heartbeats remain."""

_IDLE_WINDOWS = 3
_TIMEOUT = 300.0


async def wait_until_idle(usage: ProcessUsage) -> float:
    """Wait until the processes have been idle for about a second; return the seconds it took.

    The idle second itself is not counted. Returns after five minutes in any case.
    """
    began = time.perf_counter()
    calm_since = began
    calm = 0
    detector = IdleDetector(usage)
    while calm < _IDLE_WINDOWS and time.perf_counter() - began < _TIMEOUT:
        await asyncio.sleep(_WINDOW)
        if detector.is_idle():
            calm += 1
        else:
            calm, calm_since = 0, time.perf_counter()
    return calm_since - began


class IdleDetector:
    """Detects whether the system was idle since the last call."""

    def __init__(self, usage: ProcessUsage) -> None:
        self._usage = usage
        self._at, self._used = time.perf_counter(), self._total()

    def is_idle(self) -> bool:
        at, used = time.perf_counter(), self._total()
        cores = (used - self._used) / max(at - self._at, 1e-6)
        self._at, self._used = at, used
        return cores <= _IDLE_CORES

    def _total(self) -> float:
        return sum(self._usage.cpu().values())


class ForeignLoad:
    """Measures the share of the machine that unrelated processes took."""

    def __init__(self, *measured: ProcessUsage) -> None:
        self._measured = measured
        self._at, self._others = time.perf_counter(), self._elsewhere()

    def share(self) -> float:
        """Return the share of all cores since this object was created."""
        seconds = (time.perf_counter() - self._at) * (os.cpu_count() or 1)
        return max(0.0, self._elsewhere() - self._others) / seconds

    def _elsewhere(self) -> float:
        ours = sum(sum(usage.cpu().values()) for usage in self._measured)
        return machine_busy_seconds() - ours - process_cpu(os.getpid())
