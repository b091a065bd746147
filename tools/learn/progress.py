"""How far the learner is: one JSON file in the run directory.

Steps that this version does not know are kept, so that an update, and a way back, lose nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.runner.config.paths import write_private

FORMAT = 1


@dataclass
class StepProgress:
    """What the learner did in one exercise. Times are RFC 3339, or empty."""

    tries: int = 0
    hints: int = 0
    started_at: str = ""
    done_at: str = ""
    solution_at: str = ""

    @property
    def state(self) -> str:
        if self.done_at:
            return "done"
        return "started" if self.started_at else "open"


@dataclass
class LearnerProgress:
    """All of it. `current` is the exercise that the learner started last."""

    current: str = ""
    steps: dict[str, StepProgress] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    """Fields and steps of another version, as they were."""

    def step(self, name: str) -> StepProgress:
        """Return the progress of an exercise; a new one if there is none."""
        return self.steps.setdefault(name, StepProgress())

    def is_done(self, name: str) -> bool:
        return name in self.steps and bool(self.steps[name].done_at)


def now() -> str:
    """Return the time, as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_progress(path: Path) -> LearnerProgress:
    """Read the file. What is not readable is put aside, and the progress begins anew."""
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return LearnerProgress()
    except (ValueError, OSError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("steps", {}), dict):
        path.replace(path.with_suffix(".unreadable"))
        return LearnerProgress()
    return _progress(data)


def _progress(data: dict[str, Any]) -> LearnerProgress:
    steps, unreadable = {}, {}
    for name, fields in data.get("steps", {}).items():
        if (step := _step(fields)) is None:
            unreadable[name] = fields
        else:
            steps[name] = step
    current = data.get("current")
    unknown = {key: value for key, value in data.items() if key not in ("current", "steps")}
    if unreadable:
        unknown["other_steps"] = {**unknown.get("other_steps", {}), **unreadable}
    return LearnerProgress(current if isinstance(current, str) else "", steps, unknown)


def _step(fields: object) -> StepProgress | None:
    if not isinstance(fields, dict):
        return None
    known = StepProgress()
    for name, default in vars(known).items():
        value = fields.get(name, default)
        if type(value) is not type(default):
            return None
        setattr(known, name, value)
    return known


def write_progress(path: Path, progress: LearnerProgress) -> None:
    """Replace the file at once: a reader, or a process that dies, leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    steps = {name: vars(step) for name, step in progress.steps.items()}
    data = progress.unknown | {"format": FORMAT, "current": progress.current, "steps": steps}
    write_private(path, json.dumps(data, indent=2) + "\n")


def progress_file(run_dir: Path) -> Path:
    """Return the file of a run directory."""
    return run_dir / "learn.json"


def workspace_root(repository: Path) -> Path:
    """Return the learner's folder: MICROGRAM_LEARN_DIR, or `learn` in the repository."""
    return Path(os.environ.get("MICROGRAM_LEARN_DIR") or repository / "learn").resolve()
