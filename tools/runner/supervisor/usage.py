"""Processor time and memory of supervised processes, with the children that they started."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MEMORY_INTERVAL = 10.0
"""Seconds for which a measured memory is kept: to read it takes 1 ms per process."""

_MIN_INTERVAL = 1.0
"""Seconds over which a percentage is measured at least."""

_PROC = Path("/proc")
_SESSION, _USER_TICKS, _SYSTEM_TICKS = 3, 11, 12
"""Places in /proc/PID/stat behind the command's name."""


@dataclass(frozen=True)
class Usage:
    """What one process and its children use.

    `cpu_seconds` are those of the running processes. `cpu_percent` is of one core, since the last
    measurement. `memory_bytes` is the PSS on Linux (memory shared by n processes counts 1/n for
    each), elsewhere the RSS.
    """

    cpu_seconds: float
    cpu_percent: float
    memory_bytes: int


@dataclass
class _Sample:
    at: float
    cpu_seconds: float
    percent: float
    memory: int = 0
    memory_expires_at: float = field(default=float("-inf"))


class UsageMeter:
    """Measures sessions: each supervised process leads one, to which its children belong."""

    def __init__(self) -> None:
        self._samples: dict[int, _Sample] = {}

    def measure(self, leaders: Iterable[int]) -> dict[int, Usage]:
        """Return the usage by the leader's process id, without those that have ended.

        Takes some milliseconds for a whole system.
        """
        wanted = set(leaders)
        found: dict[int, list[tuple[int, float]]] = {}
        for pid, leader, seconds in _processes(wanted):
            if leader in wanted:
                found.setdefault(leader, []).append((pid, seconds))
        self._samples = {pid: each for pid, each in self._samples.items() if pid in found}
        return {leader: self._usage(leader, members) for leader, members in found.items()}

    def _usage(self, leader: int, members: list[tuple[int, float]]) -> Usage:
        now, total = time.time(), sum(seconds for _, seconds in members)
        last = self._samples.get(leader) or _Sample(_started_at(leader), 0.0, 0.0)
        if now - last.at >= _MIN_INTERVAL:
            percent = max(0.0, total - last.cpu_seconds) / (now - last.at) * 100
            last = _Sample(now, total, percent, last.memory, last.memory_expires_at)
        if now >= last.memory_expires_at:
            last.memory = sum(_memory(pid) for pid, _ in members)
            last.memory_expires_at = now + MEMORY_INTERVAL
        self._samples[leader] = last
        return Usage(round(total, 2), round(last.percent, 1), last.memory)


def _processes(wanted: set[int]) -> Iterator[tuple[int, int, float]]:
    """Yield id, session and processor seconds of each process; elsewhere only of the leaders."""
    if sys.platform != "linux":
        yield from _leaders(wanted)
        return
    tick = os.sysconf("SC_CLK_TCK")
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                _, _, rest = (entry / "stat").read_text().rpartition(") ")
                words = rest.split()
                ticks = int(words[_USER_TICKS]) + int(words[_SYSTEM_TICKS])
                yield int(entry.name), int(words[_SESSION]), ticks / tick


def _leaders(wanted: set[int]) -> Iterator[tuple[int, int, float]]:
    import psutil

    for pid in wanted:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            yield pid, pid, times.user + times.system


def _started_at(pid: int) -> float:
    import psutil

    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(pid).create_time())
    return time.time()


def _memory(pid: int) -> int:
    """Return the PSS of a process in bytes, or its RSS where there is none."""
    with contextlib.suppress(OSError, ValueError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    import psutil

    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
