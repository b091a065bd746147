"""The learner's way: files that are given, tries, hints, the solution, and what is remembered."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from pathlib import Path

import pytest

from tools.learn import checking, command, session
from tools.learn.catalog import Exercise, read_path
from tools.learn.progress import (
    LearnerProgress,
    StepProgress,
    progress_file,
    read_progress,
    write_progress,
)
from tools.learn.report import BrokenInvariant, CheckReport, Work
from tools.learn.session import LearnerSession
from tools.runner import cli
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

PASSED = CheckReport(("it holds",))
FELL = CheckReport(("it holds",), BrokenInvariant("it is right", "8", "1", "likes.py"))


@pytest.fixture
def learner(tmp_path: Path) -> LearnerSession:
    return LearnerSession(read_path(), tmp_path / "learn", tmp_path / "run" / "learn.json")


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[CheckReport]:
    """What checks give, one after another."""
    given: list[CheckReport] = []
    monkeypatch.setattr(session, "check_apart", lambda *_: (given.pop(0), "a print"))
    return given


def again(learner: LearnerSession) -> LearnerSession:
    return LearnerSession(learner.path, learner.root, learner.file)


def test_a_start_gives_files_and_keeps_those_that_are_there(learner: LearnerSession) -> None:
    etag = learner.path.find("etag")
    (file,) = learner.start(etag)
    assert file.read_text() == etag.given["likes.py"]
    file.write_text("mine")
    assert learner.start(etag) == [file]
    assert file.read_text() == "mine"
    assert again(learner).choose(None) == etag


def test_a_reset_gives_the_files_anew_and_keeps_what_was_there(learner: LearnerSession) -> None:
    etag = learner.path.find("etag")
    (file,) = learner.start(etag)
    texts = ("first", "second", "third")
    asides = []
    for text in texts:
        file.write_text(text)
        asides.append(learner.reset(etag))
        assert file.read_text() == etag.given["likes.py"]
    assert [aside.name for aside in asides] == ["etag", "etag-2", "etag-3"]
    assert tuple((aside / "likes.py").read_text() for aside in asides) == texts


def test_a_passed_check_is_done_for_good(
    learner: LearnerSession, reports: list[CheckReport]
) -> None:
    etag = learner.path.find("etag")
    learner.start(etag)
    reports += [FELL, PASSED, FELL]
    assert [learner.check(etag)[0].passed for _ in range(3)] == [False, True, False]
    step = again(learner).progress.step("etag")
    assert (step.tries, step.state) == (3, "done")
    assert learner.next_exercise() == learner.path.find("cursor")
    assert learner.next_exercise(after="rebuild") == learner.path.find("idempotency")


def test_the_solution_is_shown_after_a_try(
    learner: LearnerSession, reports: list[CheckReport]
) -> None:
    etag = learner.path.find("etag")
    with pytest.raises(RunnerError, match="learn start etag"):
        learner.check(etag)
    (file,) = learner.start(etag)
    with pytest.raises(RunnerError, match="try first"):
        learner.solution(etag)
    reports.append(FELL)
    learner.check(etag)
    shown = learner.solution(etag)
    assert "-    await state.set(key, likes)\n" in shown
    assert "+            await state.compare_and_set(key, likes, etag=entry.etag)\n" in shown
    file.write_text(etag.solution["likes.py"])
    assert learner.solution(etag) == ""


def test_hints_come_one_by_one(learner: LearnerSession) -> None:
    etag = learner.path.find("etag")
    learner.start(etag)
    count = len(etag.hints)
    numbers = [learner.hint(etag)[0] for _ in range(count + 1)]
    assert numbers == [*range(1, count + 1), count]


def test_an_unknown_exercise_is_named_with_those_that_exist(learner: LearnerSession) -> None:
    with pytest.raises(RunnerError, match="choose one of"):
        learner.choose("etags")
    with pytest.raises(RunnerError, match="learn start"):
        learner.choose(None)


def test_progress_of_another_version_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "learn.json"
    newer = {"current": "warp", "theme": "dark", "steps": {"warp": {"tries": 3}, "odd": [1]}}
    file.write_text(json.dumps(newer))
    progress = read_progress(file)
    assert progress.step("warp").tries == 3
    write_progress(file, progress)
    kept = json.loads(file.read_text())
    assert (kept["theme"], kept["current"]) == ("dark", "warp")
    assert kept["steps"]["warp"]["tries"] == 3
    assert kept["other_steps"] == {"odd": [1]}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"steps": 3}', "\x00"])
def test_a_broken_file_is_put_aside(tmp_path: Path, text: str) -> None:
    file = tmp_path / "learn.json"
    file.write_text(text)
    assert read_progress(file) == LearnerProgress()
    assert file.with_suffix(".unreadable").read_text() == text


def test_a_kill_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "learn.json"
    write_progress(file, LearnerProgress("etag", {"etag": StepProgress(tries=1)}))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_progress(file, LearnerProgress("saga"))
    assert read_progress(file).step("etag").tries == 1


def test_a_check_that_does_not_end_is_ended(tmp_path: Path) -> None:
    etag = read_path().find("etag")
    (tmp_path / "likes.py").write_text("while True: pass\n")
    report, _ = checking.check_apart(etag, tmp_path, deadline=1.0)
    assert report.fallen
    assert report.fallen.invariant == "the check ends"


async def test_an_error_in_the_learners_code_names_its_line(tmp_path: Path) -> None:
    etag = read_path().find("etag")
    for text, seen, look in (
        ("def like(:\n", "SyntaxError", "likes.py, line 1"),
        ("import nothing_such\n", "ModuleNotFoundError", "likes.py, line 1"),
        ("\nasync def like(state, photo):\n    return 1 / 0\n", "ZeroDivisionError", "line 3"),
        ("", "AttributeError", "what the check imports"),
    ):
        (tmp_path / "likes.py").write_text(text)
        fallen = (await checking.check(etag, tmp_path)).fallen
        assert fallen
        assert (seen in fallen.seen, look in fallen.look) == (True, True), fallen


OF_PYTHON = [
    each
    for each in read_path().exercises
    if not each.needs_system and any(name.endswith(".py") for name in each.given)
]


@pytest.mark.parametrize("exercise", OF_PYTHON, ids=lambda each: each.name)
async def test_every_check_names_the_line_of_a_syntax_error(
    exercise: Exercise, tmp_path: Path
) -> None:
    (name,) = exercise.given
    (tmp_path / name).write_text("def tell(:\n")
    fallen = (await checking.check(exercise, tmp_path)).fallen
    assert fallen
    assert fallen.look == f"{name}, line 1"


def test_a_report_survives_its_way_between_processes() -> None:
    for report in (PASSED, FELL):
        assert CheckReport.from_json(report.to_json()) == report


def run_command(tmp_path: Path, *arguments: str) -> int:
    options: Namespace = cli.parse(["learn", *arguments])
    return command.learn(options, RunDir(tmp_path / "run"))


def test_the_commands_say_what_is_next(
    tmp_path: Path,
    reports: list[CheckReport],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MICROGRAM_LEARN_DIR", str(tmp_path / "learn"))
    first = read_path().exercises[0].name
    assert run_command(tmp_path) == 0
    assert f"learn start {first}" in capsys.readouterr().out
    assert run_command(tmp_path, "start", "etag") == 0
    assert "likes.py" in capsys.readouterr().out
    reports += [FELL, PASSED]
    assert run_command(tmp_path, "check") == 1
    out = capsys.readouterr().out
    assert all(word in out for word in ("a print", "✓ it holds", "✗ it is right", "likes.py"))
    assert run_command(tmp_path, "check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["passed"]
    assert run_command(tmp_path, "list") == 0
    assert "✓ etag" in capsys.readouterr().out
    for arguments in (("list",), (), ("hint",), ("solution",), ("reset",), ("start", "saga")):
        assert run_command(tmp_path, *arguments, "--json") == 0
        assert json.loads(capsys.readouterr().out)
    assert progress_file(tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "seen", "look"),
    [
        ("one: b\nfour:c\nthree: a\n", "four:c", "answers.yaml, line 2"),
        ("# a\n\none:c\n", "one:c", "answers.yaml, line 3"),
        ('one: b\ntwo: "c\n', "something else", "without quotes"),
        (None, "no such file", "learn start"),
    ],
)
async def test_answers_that_cannot_be_read_are_named_with_their_line(
    tmp_path: Path, text: str | None, seen: str, look: str
) -> None:
    if text is not None:
        (tmp_path / "answers.yaml").write_text(text)
    fallen = (await checking.check(read_path().find("capacity"), tmp_path)).fallen
    assert fallen
    assert (fallen.invariant, fallen.seen) == ("answers.yaml can be read", seen)
    assert look in fallen.look


async def test_a_letter_may_have_the_parenthesis_of_its_choice(tmp_path: Path) -> None:
    capacity = read_path().find("capacity")
    (text,) = capacity.solution.values()
    (tmp_path / "answers.yaml").write_text(re.sub(r"(?m)^([^#].*: [a-d])$", r"\1)", text))
    assert (await checking.check(capacity, tmp_path)).passed


def test_answers_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("one: B\ntwo:\nthree: 3\n")
    assert Work(tmp_path).answers() == {"one": "B", "two": "", "three": "3"}
