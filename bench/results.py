"""The results of a run, as tables and as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import tables
from bench.metrics import ServerResults
from bench.system import OUTPUT
from bench.targets import BenchTarget, evaluate_targets

_MAX_FOREIGN_SHARE = 0.05


@dataclass(frozen=True)
class RunConditions:
    """What a figure can be judged by: what was asked, and how alone the system was."""

    about: Mapping[str, Any]
    """The system, the graph and the options."""
    elsewhere: float
    """The share of the machine that other processes took during the measurement."""
    restarts: Mapping[str, int]
    """Processes of the system that died."""

    def show(self, console: Console) -> None:
        """Print what makes the figures worse than they are, or worthless."""
        for name, count in self.restarts.items():
            log = OUTPUT / "system" / "logs" / f"{name}.log"
            console.print(
                f"{name} died, {count} times: see {log}, which the next run deletes",
                style="red",
                soft_wrap=True,
            )
        if self.elsewhere > _MAX_FOREIGN_SHARE:
            console.print(
                f"Other processes took {self.elsewhere:.0%} of the machine meanwhile: "
                "alone, the system does better than this.",
                style="yellow",
            )

    def write(self, path: Path, figures: Mapping[str, Any]) -> None:
        """Write them with the figures as JSON."""
        everything = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": describe_machine(),
            **self.about,
            **figures,
            "elsewhere": self.elsewhere,
            "restarts": self.restarts,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(everything, indent=2))


@dataclass(frozen=True)
class BenchResults:
    """All results of one run."""

    conditions: RunConditions
    followers: int
    """Followers of the author whose posts were timed."""
    own: ServerResults
    other: ServerResults | None = None

    @property
    def errors(self) -> int:
        """The number of failed requests, incomplete home timelines and dead processes."""
        servers = [self.own, self.other] if self.other else [self.own]
        return sum(one.failed + one.lost for one in servers) + sum(
            self.conditions.restarts.values()
        )

    @property
    def meets_targets(self) -> bool:
        return all(target.met for target in self._evaluate())

    def show(self, console: Console) -> None:
        """Print the tables."""
        own = self.own
        console.print(tables.load_table(own.phases))
        console.print(tables.speed_table(own.rows))
        if own.idle.cores:
            console.print(tables.cost_table(own.rows, own.idle))
        if own.idle.calls_per_second:
            console.print(tables.call_table(own.rows, own.idle))
        if own.memory:
            console.print(tables.memory_table(own.memory))
        if own.fan_outs:
            console.print(tables.fan_out_table(own.fan_outs, self.followers))
        if self.other:
            console.print(tables.comparison_table(own, self.other))
        console.print(tables.target_table(self._evaluate()))
        for server in (own, self.other):
            if server:
                tables.print_samples(console, server.rows)
        self.conditions.show(console)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        self.conditions.write(
            path,
            {
                "own": asdict(self.own),
                "other": asdict(self.other) if self.other else None,
                "targets": [asdict(target) for target in self._evaluate()],
            },
        )

    def _evaluate(self) -> list[BenchTarget]:
        return evaluate_targets(self.own, self.other, self.followers)


def describe_machine() -> dict[str, Any]:
    """Return a description of the machine."""
    model = platform.processor()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "system": platform.platform(),
        "python": platform.python_version(),
    }
