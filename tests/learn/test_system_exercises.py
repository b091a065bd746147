"""Exercises of a running system fail as given, and pass with their solutions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.learn.catalog import Exercise, read_path
from tools.learn.checking import check_apart
from tools.learn.report import CheckReport
from tools.learn.system import START
from tools.runner.config.paths import REPO

EXERCISES = [each for each in read_path().exercises if each.needs_system]


def checked(
    exercise: Exercise,
    files: dict[str, str],
    folder: Path,
    system: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> CheckReport:
    monkeypatch.setenv("MICROGRAM_LEARN_SYSTEM", str(system))
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    report, _ = check_apart(exercise, folder)
    return report


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
def test_it_fails_without_a_system(
    exercise: Exercise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = checked(exercise, exercise.solution, tmp_path, tmp_path / "none", monkeypatch)
    assert report.fallen
    assert report.fallen.invariant == "your system runs", report.fallen
    assert report.fallen.look == START


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
def test_it_fails_as_given(
    exercise: Exercise, tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(exercise, system)
    report = checked(exercise, exercise.given, tmp_path, system, monkeypatch)
    assert report.fallen
    assert report.fallen.invariant not in ("your code runs", "your system runs"), report.fallen


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
def test_it_passes_with_its_solution(
    exercise: Exercise, tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(exercise, system)
    report = checked(exercise, exercise.solution, tmp_path, system, monkeypatch)
    assert report.fallen is None, report.fallen


def test_a_repeat_without_a_key_is_found(
    tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercise = read_path().find("crash")
    key = ', "Idempotency-Key": str(uuid.uuid4())'
    text = exercise.solution["sender.py"]
    assert key in text
    report = checked(exercise, {"sender.py": text.replace(key, "")}, tmp_path, system, monkeypatch)
    assert report.fallen
    assert "answer was lost" in report.fallen.invariant
    assert "posts: 2" in report.fallen.seen


def prepare(exercise: Exercise, system: Path) -> None:
    """Do on a system what the page of an exercise says before its check."""
    from tools.learn.consoles import replay_system

    page = (REPO / exercise.page).read_text()
    replay_system(page, system)
    if exercise.name == "trace":
        line = next(line for line in page.splitlines() if line.startswith(".venv/bin/python -m"))
        run(line, system)


def run(line: str, system: Path) -> None:
    """Run a command of a page on a system."""
    environment = {"MICROGRAM_LEARN_SYSTEM": str(system), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-c", line], cwd=REPO, env=environment, check=True)
