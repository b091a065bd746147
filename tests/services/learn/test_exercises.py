"""Every exercise fails as it is given, and passes with its solution.

Those of a running system are in tests/learn.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.learn.catalog import Exercise, read_path
from tools.learn.checking import check
from tools.learn.report import CheckReport
from tools.runner.config.paths import REPO

ALL = read_path().exercises
EXERCISES = [each for each in ALL if not each.needs_system]


@pytest.fixture(autouse=True)
def _without_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def checked(exercise: Exercise, files: dict[str, str], folder: Path) -> CheckReport:
    for name, text in files.items():
        (folder / name).write_text(text)
    return await check(exercise, folder)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
async def test_an_exercise_fails_as_given(exercise: Exercise, tmp_path: Path) -> None:
    report = await checked(exercise, exercise.given, tmp_path)
    assert report.fallen is not None
    assert report.fallen.invariant != "your code runs", report.fallen
    assert report.fallen.expected != report.fallen.seen
    assert report.fallen.look


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
async def test_an_exercise_passes_with_its_solution(exercise: Exercise, tmp_path: Path) -> None:
    report = await checked(exercise, exercise.solution, tmp_path)
    assert report.fallen is None, report.fallen
    assert report.held


@pytest.mark.parametrize("exercise", ALL, ids=lambda each: each.name)
def test_an_exercise_has_all_that_a_learner_needs(exercise: Exercise) -> None:
    assert exercise.given.keys() == exercise.solution.keys()
    assert exercise.given != exercise.solution
    assert 2 <= len(exercise.hints) <= 5
    assert 5 <= exercise.minutes <= 60
    assert (REPO / exercise.page).is_file()
