"""`learn watch` notices changes of files and of the learner's system."""

from __future__ import annotations

import sys
import threading
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from tools.learn import command, watching
from tools.runner.supervisor import control

READY = ("ready", 10)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int] | None]:
    """What the runner says of `posts`, one after another; the last one again and again."""
    given: list[tuple[str, int] | None] = []

    def ps(*_: object) -> dict[str, Any] | None:
        answer = given.pop(0) if len(given) > 1 else given[0]
        if answer is None:
            return None
        state, pid = answer
        return {"services": [{"service": "posts", "state": state, "pid": pid, "sidecar_pid": 2}]}

    monkeypatch.setattr(control, "send_command", ps)
    monkeypatch.setattr(watching, "POLL", 50)
    return given


@pytest.mark.parametrize(
    "after",
    [
        [("stopped", 10)],
        [None],
        [("starting", 11), ("ready", 11)],
        [("backoff", 10), ("starting", 12), ("ready", 12)],
    ],
    ids=["stopped", "all stopped", "restarted", "killed"],
)
def test_a_change_of_the_system_is_noticed_once(
    answers: list[tuple[str, int] | None], after: list[tuple[str, int] | None], tmp_path: Path
) -> None:
    answers += [READY, READY]
    changes = watching.changes(tmp_path, with_system=True)
    answers += after
    next(changes)
    assert answers == after[-1:]
    assert_silent_until_a_file_changes(changes, tmp_path)


def test_a_system_that_starts_is_noticed_when_it_is_ready(
    answers: list[tuple[str, int] | None], tmp_path: Path
) -> None:
    answers += [None, None, ("starting", 10), ("starting", 10), READY]
    next(watching.changes(tmp_path, with_system=True))
    assert answers == [READY]


def test_what_a_check_does_to_the_system_is_no_change(
    answers: list[tuple[str, int] | None], tmp_path: Path
) -> None:
    answers += [READY, READY, ("stopped", 10)]
    changes = watching.changes(tmp_path, with_system=True)
    next(changes)
    answers[:] = [("starting", 11), ("ready", 11)]  # the check killed it
    assert_silent_until_a_file_changes(changes, tmp_path)


def test_what_changes_no_process_is_checked_after_a_while(
    answers: list[tuple[str, int] | None], tmp_path: Path
) -> None:
    answers += [READY]
    changes = watching.changes(tmp_path, with_system=True, every=0.1)
    assert [next(changes), next(changes)] == [False, False]
    answers[:] = [READY, READY, ("stopped", 10)]
    assert next(changes)


@pytest.mark.parametrize(
    ("step", "every"), [("letter", watching.RECHECK), ("crash", 0.0), ("likes", 0.0)]
)
def test_a_check_that_says_the_same_is_printed_only_after_a_change(
    step: str, every: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is watched in time is a system, and no program, which a check would run again."""
    asked = {}
    given = {"letter": "answers.yaml", "crash": "sender.py", "likes": "likes.py"}[step]
    exercise = Namespace(name=step, needs_system=step != "likes", given={given: ""})
    session = Namespace(choose=lambda _: exercise, folder=lambda _: Path("learn"))
    results = iter([(1, "one"), (1, "one"), (1, "two"), (1, "two"), (0, "done")])

    def check(*_: object) -> int:
        code, said = next(results)
        sys.stdout.write(f"{said}\n")
        return code

    def changes(_: Path, **options: Any) -> list[bool]:
        asked.update(options)
        return [False, False, True, False]

    monkeypatch.setattr(command, "_check", check)
    monkeypatch.setattr(watching, "changes", changes)
    assert command._watch(session, Namespace(step=None)) == 0  # type: ignore[arg-type]
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line in ("one", "two", "done")] == [
        "one",
        "two",
        "two",
        "done",
    ]
    assert asked == {"with_system": exercise.needs_system, "every": every}


def test_without_a_system_nobody_asks_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "send_command", None)
    assert_silent_until_a_file_changes(watching.changes(tmp_path, with_system=False), tmp_path)


def assert_silent_until_a_file_changes(changes: Any, folder: Path) -> None:
    """The next change is that of a file, which is written a few looks later."""
    file = folder / "likes.py"
    threading.Timer(0.5, file.write_text, ["mine"]).start()
    next(changes)
    assert file.exists()
