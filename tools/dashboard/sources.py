"""What queries read from: the run directory, the runner, and the stores."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tools.dashboard.collect.runner_client import RunnerClient
from tools.dashboard.settings import Settings
from tools.dashboard.stores.samples import SampleStore
from tools.dashboard.stores.spans import SpanStore
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError


@dataclass
class Sources:
    """Everything that a query may read. One for each process."""

    settings: Settings
    runner: RunnerClient
    spans: SpanStore
    samples: SampleStore
    snapshot: dict[str, Any] | None = None
    """What an export has in place of a running system; None for a run directory."""

    @classmethod
    def create(cls, settings: Settings, snapshot: dict[str, Any] | None = None) -> Sources:
        """Return the sources of a run directory, or of an export with its snapshot.

        Opens nothing.
        """
        return cls(
            settings,
            RunnerClient(settings.run),
            SpanStore(settings.telemetry, settings.max_spans_bytes),
            SampleStore(settings.telemetry),
            snapshot,
        )

    @classmethod
    def of_run(cls, run: RunDir) -> Sources:
        """Return the sources for a command that reads what a dashboard has collected."""
        return cls.create(Settings(run, 0, ""))

    def close(self) -> None:
        """Close the stores."""
        self.spans.database.close()
        self.samples.database.close()

    @property
    def run(self) -> RunDir:
        return self.settings.run

    def now(self) -> float:
        """Return the time in seconds since 1970; for an export, when it was made."""
        return float(self.snapshot["exported_at"]) if self.snapshot else time.time()

    def require_running(self) -> None:
        """Raise RunnerError for an export, in which nothing can be changed."""
        if self.settings.is_read_only:
            raise RunnerError("this is an export: nothing can be changed")

    def state(self) -> dict[str, Any]:
        """Return the state that the runner last wrote; it contains tokens."""
        return self.run.read_state()
