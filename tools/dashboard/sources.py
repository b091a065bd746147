"""What queries read from: the run directory, the runner, and the stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tools.dashboard.collect.runner_client import RunnerClient
from tools.dashboard.settings import Settings
from tools.dashboard.stores.spans import SpanStore
from tools.runner.config.paths import RunDir


@dataclass
class Sources:
    """Everything that a query may read. One for each process."""

    settings: Settings
    runner: RunnerClient
    spans: SpanStore

    @classmethod
    def create(cls, settings: Settings) -> Sources:
        """Return the sources of a run directory. Opens nothing."""
        return cls(
            settings,
            RunnerClient(settings.run),
            SpanStore(settings.telemetry, settings.max_spans_bytes),
        )

    def close(self) -> None:
        """Close the stores."""
        self.spans.database.close()

    @property
    def run(self) -> RunDir:
        return self.settings.run

    def state(self) -> dict[str, Any]:
        """Return the state that the runner last wrote; it contains tokens."""
        return self.run.read_state()
