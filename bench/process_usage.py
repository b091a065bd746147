"""Processor time and memory of the processes of a server, by kind of process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


def processes_by_kind(
    report: Mapping[str, Any], *, by_service: bool = False
) -> dict[str, list[int]]:
    """Return process ids by kind, from `ps --json`, without empty kinds.

    With `by_service`, each service is a kind of its own, and so is its sidecar, `posts.daprd`.
    """
    kinds: dict[str, list[int]] = {}
    for row in report.get("services", ()):
        app = row["app_id"]
        own = app if by_service else GATEWAY if app == "gateway" else SERVICES
        beside = f"{app}.daprd" if by_service else SIDECARS
        for kind, pid in ((own, row["pid"]), (beside, row["sidecar_pid"])):
            if pid:
                kinds.setdefault(kind, []).append(pid)
    for row in report.get("infra", ()):
        if row["pid"]:
            kind = STORE if row["service"] in _STORES else BROKER
            kinds.setdefault(kind, []).append(row["pid"])
    order = (GATEWAY, SERVICES, SIDECARS, BROKER, STORE)
    return {kind: kinds[kind] for kind in dict.fromkeys((*order, *sorted(kinds))) if kind in kinds}


class ProcessUsage:
    """Reads the usage of running processes, given by kind."""

    def __init__(self, kinds: Mapping[str, Sequence[int]]) -> None:
        self.kinds = kinds

    def cpu(self) -> dict[str, float]:
        """Return processor seconds by kind since the start, including children."""
        return {kind: sum(map(process_cpu, pids)) for kind, pids in self.kinds.items()}

    def memory(self) -> dict[str, float]:
        """Return the proportional set size by kind, in MB: a shared page is divided by its users.

        Costs some milliseconds per process.
        """
        return {kind: sum(map(_proportional, pids)) for kind, pids in self.kinds.items()}


def machine_busy_seconds() -> float:
    """Return the busy seconds of all cores so far, including time stolen by the host."""
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
    """Return processor seconds of a process and its children, including ended ones."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def _proportional(pid: int) -> float:
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss / 1e6
    return total


def usage_delta(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return the difference of two readings."""
    return {kind: after[kind] - before.get(kind, 0.0) for kind in after}
