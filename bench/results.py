"""The results of a run, as tables and as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import tables
from bench.fanout import FanOutResult
from bench.metrics import BenchTarget, IdleRates, ScenarioMetrics, evaluate_targets

_MAX_FOREIGN_SHARE = 0.05


@dataclass(frozen=True)
class BenchResults:
    """All results of one run."""

    about: Mapping[str, Any]
    """The system, the graph and the options."""
    followers: int
    """Followers of the most-followed user."""
    phases: Mapping[str, Mapping[str, float]]
    rows: Sequence[ScenarioMetrics]
    idle: IdleRates
    memory: Mapping[str, Mapping[str, float]]
    fan_outs: Sequence[FanOutResult]
    wrong_homes: int
    elsewhere: float
    """The share of the machine that other processes took during the measurement."""
    restarts: Mapping[str, int]
    """Processes of the system that died."""

    @property
    def errors(self) -> int:
        """The number of failed requests, incomplete home timelines and dead processes."""
        failed = sum(row.errors for row in self.rows) + sum(self.restarts.values())
        return failed + sum(post.missing for post in self.fan_outs) + self.wrong_homes

    @property
    def meets_targets(self) -> bool:
        return all(target.met for target in self._evaluate())

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print(tables.load_table(self.phases))
        console.print(tables.speed_table(self.rows))
        if self.idle.cores:
            console.print(tables.cost_table(self.rows, self.idle))
        if self.memory:
            console.print(tables.memory_table(self.memory))
        if self.fan_outs:
            console.print(tables.fan_out_table(self.fan_outs, self.followers))
        console.print(tables.target_table(self._evaluate()))
        tables.print_samples(console, self.rows)
        for name, count in self.restarts.items():
            console.print(f"{name} died, {count} times", style="red")
        if self.elsewhere > _MAX_FOREIGN_SHARE:
            console.print(
                f"Other processes took {self.elsewhere:.0%} of the machine meanwhile: "
                "alone, the system does better than this.",
                style="yellow",
            )

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        figures = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": describe_machine(),
            **self.about,
            "load": self.phases,
            "idle": asdict(self.idle),
            "cells": [asdict(row) for row in self.rows],
            "memory": self.memory,
            "fan_out": [asdict(post) for post in self.fan_outs],
            "wrong_homes": self.wrong_homes,
            "elsewhere": self.elsewhere,
            "restarts": self.restarts,
            "targets": [asdict(target) for target in self._evaluate()],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2))

    def _evaluate(self) -> list[BenchTarget]:
        return evaluate_targets(self.rows, self.fan_outs, self.followers, self.wrong_homes)


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
