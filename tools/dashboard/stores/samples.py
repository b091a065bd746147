"""Samples of the last hour on disk, a row for each round of the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tools.dashboard.stores.database import TelemetryDatabase

FILE = "samples.db"
KEPT_SECONDS = 3_600.0
MAX_ROUNDS = 300

_VERSION = 1
_SCHEMA = "CREATE TABLE rounds (at REAL PRIMARY KEY, content TEXT NOT NULL);"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a process at one time. `topic` is whatever else tells it apart."""

    metric: str
    process: str
    topic: str
    value: float


@dataclass(frozen=True)
class SampleRound:
    """Everything that was sampled at a time, in seconds since 1970."""

    at: float
    samples: tuple[Sample, ...]


class SampleStore:
    """The samples of one run directory."""

    def __init__(self, folder: Path) -> None:
        self.database = TelemetryDatabase(folder / FILE, _SCHEMA, _VERSION)

    def add(self, at: float, samples: Sequence[Sample]) -> None:
        """Store a round, and delete what is older than an hour. Raises sqlite3.Error."""
        rows = [[each.metric, each.process, each.topic, each.value] for each in samples]
        with self.database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO rounds VALUES (?, ?)", (at, orjson.dumps(rows).decode())
            )
            connection.execute(
                "DELETE FROM rounds WHERE at < ? OR at NOT IN "
                "(SELECT at FROM rounds ORDER BY at DESC LIMIT ?)",
                (at - KEPT_SECONDS, MAX_ROUNDS),
            )

    def rounds(self, newest: int = MAX_ROUNDS) -> list[SampleRound]:
        """Return the newest rounds, oldest first."""
        rows = self.database.query("SELECT * FROM rounds ORDER BY at DESC LIMIT ?", newest)
        return [_round(float(str(at)), str(content)) for at, content in reversed(rows)]


def _round(at: float, content: str) -> SampleRound:
    return SampleRound(at, tuple(Sample(*row) for row in orjson.loads(content)))
