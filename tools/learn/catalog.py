"""The path through the exercises, read from `exercises/path.yaml` and a folder for each of them.

exercises/STEP/exercise.yaml    title, goal, page and hints
exercises/STEP/given/           what the learner gets, with the planted fault
exercises/STEP/solution/        the same files without it
exercises/STEP/check.py         `async def check(work: Work) -> None`
exercises/STEP/reasons.yaml     instead of a check: what to think about, for each question

A learner also gets the files of the repository that `copies` of exercise.yaml names. The solution
is what `edits` make of them. An exercise that `needs_system` is about the learner's running system,
which is started with its `options`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tools.learn.minutes import of_exercise
from tools.learn.system import START
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError

EXERCISES = Path(__file__).parent / "exercises"


@dataclass(frozen=True)
class Exercise:
    """One exercise."""

    name: str
    phase: str
    title: str
    goal: str
    page: str
    hints: tuple[str, ...]
    needs_system: bool = False
    options: str = ""
    copies: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Mapping[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        return EXERCISES / self.name

    @property
    def start(self) -> str:
        """The command that starts the system which it needs."""
        return f"{START} {self.options}".rstrip()

    @property
    def given(self) -> dict[str, str]:
        """The files that the learner gets, by name."""
        copies = {name: (REPO / path).read_text() for name, path in self.copies.items()}
        return copies | _texts(self.folder / "given")

    @cached_property
    def minutes(self) -> int:
        """How long it takes somebody who has read its page: an estimate (minutes.py)."""
        return of_exercise(self.given, self.solution, unread=self.copies)

    @property
    def solution(self) -> dict[str, str]:
        """The same files as they should become, by name."""
        files = self.given | _texts(self.folder / "solution")
        for edit in self.edits:
            files[edit["file"]] = _replaced(files[edit["file"]], edit["old"], edit["new"])
        return files


@dataclass(frozen=True)
class LearningPath:
    """All exercises in their order, and what the checklist of topics asks for."""

    exercises: tuple[Exercise, ...]
    checklist: dict[str, tuple[str, ...]]
    """The topics, each with the names of the exercises that it takes."""

    @cached_property
    def phases(self) -> tuple[str, ...]:
        """The titles of the phases, in order."""
        return tuple(dict.fromkeys(exercise.phase for exercise in self.exercises))

    def find(self, name: str) -> Exercise:
        """Return an exercise by name. Raises RunnerError, which names the nearest ones."""
        for exercise in self.exercises:
            if exercise.name == name:
                return exercise
        names = ", ".join(exercise.name for exercise in self.exercises)
        raise RunnerError(f'there is no exercise "{name}": choose one of {names}')


def read_path() -> LearningPath:
    """Read the path. Raises KeyError or ValueError for data that is not as described above."""
    data = yaml.safe_load((EXERCISES / "path.yaml").read_text())
    exercises = tuple(
        _read_exercise(name, phase["title"]) for phase in data["phases"] for name in phase["steps"]
    )
    checklist = {topic: tuple(names) for topic, names in data["checklist"].items()}
    return LearningPath(exercises, checklist)


def _read_exercise(name: str, phase: str) -> Exercise:
    data: dict[str, Any] = yaml.safe_load((EXERCISES / name / "exercise.yaml").read_text())
    hints: Sequence[str] = data["hints"]
    return Exercise(
        name=name,
        phase=phase,
        title=data["title"],
        goal=" ".join(data["goal"].split()),
        page=data["page"],
        hints=tuple(" ".join(hint.split()) for hint in hints),
        needs_system=data.get("needs_system", False),
        options=data.get("options", ""),
        copies=data.get("copies", {}),
        edits=tuple(data.get("edits", ())),
    )


def _replaced(text: str, old: str, new: str) -> str:
    """Replace a part that is there once. Raises ValueError for any other number."""
    if text.count(old) != 1:
        raise ValueError(f"{old!r} is there {text.count(old)} times")
    return text.replace(old, new)


def _texts(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.glob("*") if path.is_file())
    return {path.name: path.read_text() for path in files if path.name != "__init__.py"}
