"""Asks at a terminal what a new service owns, tells and hears."""

from __future__ import annotations

import sys
from collections.abc import Callable

from services.chassis.security.access_rules import Access
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.scaffold.new_service import NewService, known_topics, without_accounts

MAX_ATTEMPTS = 3
"""How often a question is asked before the command gives up."""

MAX_ANSWER = 400
"""Characters of an answer: that many name all topics."""

_ANY_NOUN = "qwertyuiop"

Ask = Callable[[str], str]


def ask(
    name: str,
    tells: str,
    topics: tuple[str, ...],
    access: Access,
    read: Ask | None = None,
    *,
    can_tell: bool = True,
) -> NewService:
    """Return a service from answers; what was given as a flag is not asked for.

    What it tells is not asked either, if its language has no way to tell.

    Each answer is checked at once, and asked for again if it is wrong.

    Raises RunnerError where there is no terminal, for a name that cannot be, or after the last
    attempt.
    """
    if read is None and not sys.stdin.isatty():
        raise RunnerError(f"say what it owns: ./tye-like-run.sh new {name} --owns NOUN")
    questions = _Questions(access, read or input)
    NewService(name, _ANY_NOUN, f"{_ANY_NOUN}-changed", topics).check(REPO, access)
    new = questions.ask(
        f'What does "{name}" own? One word in the singular, such as story: ',
        lambda owns: NewService(name, owns, tells or f"{owns}-changed", topics),
    )
    if can_tell and not tells:
        new = questions.ask(
            f"What does it tell? An event [{new.tells}]: ",
            lambda event: NewService(name, new.owns, event or new.tells, topics),
        )
    if topics:
        return new
    known = ", ".join(sorted(known_topics()))
    return questions.ask(
        f"What does it hear, besides accounts? Topics with commas, or nothing.\n{known}\n[]: ",
        lambda heard: NewService(name, new.owns, new.tells, _topics(heard)),
    )


class _Questions:
    """Questions whose answers make a service that can be."""

    def __init__(self, access: Access, read: Ask) -> None:
        self._access = access
        self._read = read

    def ask(self, question: str, make: Callable[[str], NewService]) -> NewService:
        """Return the service of the first answer that is right. Raises RunnerError."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._answer(question, make)
            except RunnerError as error:
                if attempt == MAX_ATTEMPTS:
                    raise
                print(f"  {error}", file=sys.stderr)
        raise AssertionError  # not reached

    def _answer(self, question: str, make: Callable[[str], NewService]) -> NewService:
        try:
            text = self._read(question).strip()
        except EOFError:
            raise RunnerError("there was no answer, and nothing is written") from None
        if len(text) > MAX_ANSWER:
            raise RunnerError(f"an answer has at most {MAX_ANSWER} characters")
        new = make(text)
        new.check(REPO, self._access)
        return new


def _topics(text: str) -> tuple[str, ...]:
    return without_accounts(topic.strip() for topic in text.split(",") if topic.strip())
