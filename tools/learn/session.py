"""What a learner can do: start an exercise, check it, ask for a hint or the solution, reset it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from tools.learn.catalog import Exercise, LearningPath
from tools.learn.checking import check_apart
from tools.learn.progress import LearnerProgress, now, read_progress, write_progress
from tools.learn.report import CheckReport
from tools.runner.errors import RunnerError

PREVIOUS = ".previous"
"""The folder in the workspace to which resets move what was there: STEP, then STEP-2, and so on."""


@dataclass
class LearnerSession:
    """A learner on the path. `root` has a folder for each exercise that was started."""

    path: LearningPath
    root: Path
    file: Path

    def __post_init__(self) -> None:
        self.progress: LearnerProgress = read_progress(self.file)

    def folder(self, exercise: Exercise) -> Path:
        """The learner's folder of an exercise."""
        return self.root / exercise.name

    def choose(self, name: str | None) -> Exercise:
        """Return the named exercise, else the current one. Raises RunnerError if there is none."""
        if name:
            return self.path.find(name)
        known = {exercise.name: exercise for exercise in self.path.exercises}
        if self.progress.current in known:
            return known[self.progress.current]
        raise RunnerError("no exercise is started: ./tye-like-run.sh learn start")

    def next_exercise(self, after: str = "") -> Exercise | None:
        """Return the first that is not done behind `after`, else of all.

        `after` is the name of an exercise, by default of the current one.
        """
        names = [exercise.name for exercise in self.path.exercises]
        current = after or self.progress.current
        start = names.index(current) + 1 if current in names else 0
        ordered = (*self.path.exercises[start:], *self.path.exercises[:start])
        return next((each for each in ordered if not self.progress.is_done(each.name)), None)

    def start(self, exercise: Exercise) -> list[Path]:
        """Make the current exercise; return its files. Files that are there stay as they are."""
        folder = self.folder(exercise)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in exercise.given.items():
            if not (folder / name).exists():
                (folder / name).write_text(text)
        step = self.progress.step(exercise.name)
        step.started_at = step.started_at or now()
        self.progress.current = exercise.name
        self._save()
        return [folder / name for name in exercise.given]

    def check(self, exercise: Exercise) -> tuple[CheckReport, str]:
        """Check an exercise; return the report and what the code printed. Counts a try."""
        self._require_started(exercise)
        report, printed = check_apart(exercise, self.folder(exercise))
        self.progress = read_progress(self.file)  # another command may have written meanwhile
        step = self.progress.step(exercise.name)
        step.tries += 1
        step.done_at = step.done_at or (now() if report.passed else "")
        self._save()
        return report, printed

    def hint(self, exercise: Exercise) -> tuple[int, str]:
        """Return the number and the text of the next hint; the last one again after all."""
        self._require_started(exercise)
        step = self.progress.step(exercise.name)
        step.hints = min(step.hints + 1, len(exercise.hints))
        self._save()
        return step.hints, exercise.hints[step.hints - 1]

    def solution(self, exercise: Exercise) -> str:
        """Return the difference to the solution. Raises RunnerError before the first try."""
        self._require_started(exercise)
        step = self.progress.step(exercise.name)
        if not step.tries:
            raise RunnerError("try first: ./tye-like-run.sh learn check")
        step.solution_at = step.solution_at or now()
        self._save()
        return "".join(self._diff(exercise))

    def _diff(self, exercise: Exercise) -> list[str]:
        lines: list[str] = []
        for name, text in exercise.solution.items():
            own = self.folder(exercise) / name
            mine = own.read_text() if own.exists() else ""
            lines += difflib.unified_diff(
                mine.splitlines(keepends=True),
                text.splitlines(keepends=True),
                f"yours/{name}",
                f"solution/{name}",
            )
        return lines

    def reset(self, exercise: Exercise) -> Path:
        """Give the files anew; return the folder to which the learner's own were moved."""
        self._require_started(exercise)
        aside = self._unused_previous(exercise)
        aside.parent.mkdir(parents=True, exist_ok=True)
        self.folder(exercise).replace(aside)
        self.start(exercise)
        return aside

    def _unused_previous(self, exercise: Exercise) -> Path:
        folder = self.root / PREVIOUS / exercise.name
        numbered = (folder.with_name(f"{exercise.name}-{number}") for number in count(2))
        return next(each for each in chain([folder], numbered) if not each.exists())

    def _require_started(self, exercise: Exercise) -> None:
        if not self.folder(exercise).is_dir():
            raise RunnerError(
                f"{exercise.name} is not started: ./tye-like-run.sh learn start {exercise.name}"
            )

    def _save(self) -> None:
        write_progress(self.file, self.progress)
