"""What `new` asks at a terminal: answers are checked at once, and asked for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.errors import RunnerError
from tools.scaffold.new_service import NewService
from tools.scaffold.questions import MAX_ANSWER, MAX_ATTEMPTS, ask

NAME = "qwertyuiops"
NOUN = "qwertyuiop"


def answering(*answers: str) -> Callable[[str], str]:
    left: Iterator[str] = iter(answers)

    def read(_: str) -> str:
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return read


def test_the_defaults_are_taken_with_the_return_key() -> None:
    new = ask(NAME, "", (), read_access(), answering(NOUN, "", ""))
    assert new == NewService(NAME, NOUN, f"{NOUN}-changed")


def test_everything_can_be_said() -> None:
    new = ask(
        NAME,
        "",
        (),
        read_access(),
        answering(f" {NOUN} ", f"{NOUN}-told", "posts, accounts,edges,"),
    )
    assert new == NewService(NAME, NOUN, f"{NOUN}-told", ("edges", "posts"))


def test_what_was_given_is_not_asked_for() -> None:
    new = ask(NAME, f"{NOUN}-told", ("posts",), read_access(), answering(NOUN))
    assert new == NewService(NAME, NOUN, f"{NOUN}-told", ("posts",))


def test_where_nothing_can_be_told_nothing_is_asked_of_it() -> None:
    new = ask(NAME, "", (), read_access(), answering(NOUN, "posts"), can_tell=False)
    assert new == NewService(NAME, NOUN, f"{NOUN}-changed", ("posts",))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["class"], "cannot be the noun"),
        (["x" * (MAX_ANSWER + 1)], "at most"),
        ([NOUN, "post-changed"], "is no event of this service"),
        ([NOUN, "", "weather"], 'nobody tells the topic "weather"'),
    ],
)
def test_a_wrong_answer_is_asked_for_again(
    capsys: pytest.CaptureFixture[str], wrong: list[str], why: str
) -> None:
    right = [NOUN, "", "posts"][len(wrong) - 1 :]
    new = ask(NAME, "", (), read_access(), answering(*wrong, *right))
    assert new == NewService(NAME, NOUN, f"{NOUN}-changed", ("posts",))
    assert why in capsys.readouterr().err


def test_it_gives_up() -> None:
    with pytest.raises(RunnerError, match="cannot be the noun"):
        ask(NAME, "", (), read_access(), answering(*["class"] * MAX_ATTEMPTS, NOUN))
    with pytest.raises(RunnerError, match="no answer"):
        ask(NAME, "", (), read_access(), answering())


def test_a_name_that_cannot_be_is_refused_before_any_question() -> None:
    with pytest.raises(RunnerError, match='a service "posts" already'):
        ask("posts", "", (), read_access(), answering())
