"""Waits until the system has nothing more to digest, and sees what else the machine does."""

from __future__ import annotations

import asyncio
import os
import time

from bench.process_usage import ProcessUsage, machine_busy_seconds, process_cpu

_WINDOW = 0.3
_IDLE_CORES = 0.25
"""Cores below which a system is at rest: polls and heartbeats are all that is left."""

_IDLE_WINDOWS = 3
_TIMEOUT = 300.0


async def wait_until_idle(usage: ProcessUsage) -> float:
    """Wait until the processes have been calm for a second or so; returns the seconds it took.

    What that second is for is not counted. Gives up after five minutes.
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
    """Says whether the system was at rest since it was last asked."""

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
    """What share of the machine others took, who have nothing to do with the benchmark."""

    def __init__(self, usage: ProcessUsage) -> None:
        self._usage = usage
        self._at, self._others = time.perf_counter(), self._elsewhere()

    def share(self) -> float:
        """Since this was made, of all cores."""
        seconds = (time.perf_counter() - self._at) * (os.cpu_count() or 1)
        return max(0.0, self._elsewhere() - self._others) / seconds

    def _elsewhere(self) -> float:
        ours = sum(self._usage.cpu().values()) + process_cpu(os.getpid())
        return machine_busy_seconds() - ours
