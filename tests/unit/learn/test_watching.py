"""`learn watch` notices changes of files and of the learner's system."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tools.learn import watching
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
