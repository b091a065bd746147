"""What the system's processes have used: processor time and memory, by kind of process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import psutil

GATEWAY, SERVICES, SIDECARS, BROKER, STORE = (
    "gateway",
    "services",
    "sidecars",
    "broker",
    "store",
)
_STORES = frozenset({"redis", "postgres", "postgresql", "mysql", "etcd"})


def processes_by_kind(report: Mapping[str, Any]) -> dict[str, list[int]]:
    """Process ids by kind, from what `ps --json` says; kinds that have none are left out."""
    kinds: dict[str, list[int]] = {}
    for row in report.get("services", ()):
        own = GATEWAY if row["app_id"] == "gateway" else SERVICES
        for kind, pid in ((own, row["pid"]), (SIDECARS, row["sidecar_pid"])):
            if pid:
                kinds.setdefault(kind, []).append(pid)
    for row in report.get("infra", ()):
        if row["pid"]:
            kind = STORE if row["service"] in _STORES else BROKER
            kinds.setdefault(kind, []).append(row["pid"])
    order = (GATEWAY, SERVICES, SIDECARS, BROKER, STORE)
    return {kind: kinds[kind] for kind in order if kind in kinds}


class ProcessUsage:
    """Reads what the processes of a running system have used so far."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.kinds = processes_by_kind(report)

    def cpu(self) -> dict[str, float]:
        """Processor seconds by kind since the start, those of children included."""
        return {kind: sum(map(process_cpu, pids)) for kind, pids in self.kinds.items()}

    def memory(self) -> dict[str, float]:
        """Resident MiB by kind. Pages that processes share are counted in each."""
        return {kind: sum(map(_resident, pids)) for kind, pids in self.kinds.items()}


def machine_busy_seconds() -> float:
    """Seconds for which the machine's cores were busy so far, or taken by others on its host."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - _counted_twice(times)


def _counted_twice(times: Any) -> float:
    guests: float = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return guests


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def process_cpu(pid: int) -> float:
    """Processor seconds of a process and its children, also of those that have ended."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def _resident(pid: int) -> float:
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss / 2**20
    return total


def usage_delta(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """What came between two readings."""
    return {kind: after[kind] - before.get(kind, 0.0) for kind in after}
