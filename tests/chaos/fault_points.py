"""Fault points that a test arms in a service: see fault_injection/sitecustomize.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system import wait_until

EVENT_DELAY = "MICROGRAM_EVENT_DELAY"
"""The variable that holds the maximum delay of events, in seconds."""

FAULT_INJECTION_ENV = {
    "PYTHONPATH": str(Path(__file__).parent / "fault_injection"),
    "GOFLAGS": "-tags=faults",
}
"""The environment that has services load the fault injection module, and guests in Go be built with
theirs."""


@dataclass(frozen=True)
class FaultPoint:
    """A point where a service dies: the kind, the prefix of its key, and matches to skip before.

    Points: `before-` and `after-commit` (a key), `before-` and `after-publish`, `before-` and
    `after-effect` (a topic), `before-` and `after-invoke` (the last word of a path).
    """

    service: str
    point: str
    prefix: str
    skip: int = 0


class FaultPoints:
    """The folder of fault points that all services of one system read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def env(self) -> dict[str, str]:
        """The environment of services with fault points."""
        return {"MICROGRAM_FAULT_POINTS": str(self.folder), **FAULT_INJECTION_ENV}

    def arm(self, fault_point: FaultPoint) -> None:
        """Let the next process that reaches the point die."""
        path = self._path(fault_point)
        path.with_suffix(f"{path.suffix}.triggered").unlink(missing_ok=True)
        whole = path.with_suffix(".new")
        whole.write_text(f"{fault_point.prefix}\n{fault_point.skip}")
        whole.rename(path)

    def await_triggered(self, fault_point: FaultPoint) -> None:
        """Wait until a process has died at the point."""
        path = self._path(fault_point)
        triggered = path.with_suffix(f"{path.suffix}.triggered")
        wait_until(triggered.exists, what=f"{fault_point} is triggered")

    @contextmanager
    def failing(self, service: str, topic: str) -> Iterator[None]:
        """Let a service fail on every event of a topic inside the block."""
        path = self.folder / f"{service}.fail"
        path.write_text(f"{topic}\n0")
        try:
            yield
        finally:
            path.unlink()

    def _path(self, fault_point: FaultPoint) -> Path:
        return self.folder / f"{fault_point.service}.{fault_point.point}"
