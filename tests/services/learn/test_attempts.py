"""What learners try: wrong attempts that a check must find, and right ones that it must not refuse.

An attempt is the solution of an exercise with some of its text replaced.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.learn.catalog import read_path
from tools.learn.checking import check
from tools.learn.report import CheckReport

PATH = read_path()


@dataclass(frozen=True)
class Attempt:
    """A solution that is changed. `falls` is what its check says then, empty if it passes."""

    exercise: str
    what: str
    changes: tuple[tuple[str, str], ...]
    falls: str = ""


ORDER_FIRST = (
    ("import contextlib\n", "import asyncio\nimport contextlib\n"),
    ("        self._new_id = new_id", "        self._new_id = new_id\n        self._lock = LOCK"),
    (
        """        order = await self._first_intent(key, Order(self._new_id(), buyer, item))
        if order.item != item:
            raise Conflict("This key was sent with another order.")
        with contextlib.suppress(VersionConflict):  # an earlier request has written it
            await self._state.compare_and_set(f"order:{order.id}", asdict(order), etag="")
        return order
""",
        """        async with self._lock:
            entry = await self._state.get(f"key:{buyer}:{key}")
            if entry.value:
                if entry.value["item"] != item:
                    raise Conflict("This key was sent with another order.")
                return Order(**entry.value)
            order = Order(self._new_id(), buyer, item)
            await self._state.compare_and_set(f"order:{order.id}", asdict(order), etag="")
            return await self._first_intent(key, order)
""",
    ),
)

ATTEMPTS = (
    Attempt(
        "poison",
        "the error of a wrong date, as it is",
        (("except ValueError", "except KeyError"),),
        falls="it is kept at its first delivery, with a reason in words",
    ),
    Attempt(
        "saga",
        "a refund of what was shipped",
        (('("ship", "recall")', '("ship", "refund")'),),
        "nothing is held, charged or shipped when `ship` takes effect and its answer is lost",
    ),
    Attempt(
        "proof",
        "a test with pytest.raises",
        (
            ("from typing import Protocol", "from typing import Protocol\n\nimport pytest"),
            (
                'assert _is_refused(stock, "b", 2), "nobody holds more than there is"',
                "with pytest.raises(ValueError):\n        stock.hold('b', 2)",
            ),
        ),
    ),
    Attempt(
        "idempotency",
        "the order first, then the key, and a lock in the process",
        (*ORDER_FIRST, ("LOCK", "asyncio.Lock()")),
        "repeats at the same time give one order",
    ),
    Attempt(
        "idempotency",
        "the order first, then the key, and a lock for all processes",
        (*ORDER_FIRST, ("LOCK", "vars(asyncio).setdefault('shared', asyncio.Lock())")),
        "a repeat finishes what a failure has left half done",
    ),
    *(
        Attempt("bounds", f"{new} in the place of {old}", ((old, new),), falls)
        for old, new, falls in (
            ("ge=1", "ge=0", "a page of no story is refused"),
            ("ge=1", "ge=2", "a page of one story is given"),
            ("le=40", "le=999_999", "a page of 41 stories is refused"),
            ("max_length=10)", "max_length=9_999)", "eleven tags are refused"),
            ("Path(max_length=20)", "Path(max_length=1)", "an id of 20 digits is taken"),
        )
    ),
    Attempt("broker", "true and false without quotes", (('"true"', "true"), ('"false"', "false"))),
    Attempt(
        "retry",
        "a name for asyncio.sleep",
        (("import asyncio\n", "from asyncio import sleep\n"), ("asyncio.sleep", "sleep")),
    ),
    Attempt(
        "retry",
        "long pauses through a name for asyncio.sleep",
        (
            ("import asyncio\n", "from asyncio import sleep\n"),
            ("asyncio.sleep", "sleep"),
            ("FIRST_PAUSE = 0.1", "FIRST_PAUSE = 60.0"),
        ),
        "nobody waits long",
    ),
    Attempt(
        "timeout",
        "deadlines that are together more than a second",
        (("0.5, 0.3", "0.95, 0.95"),),
        "an answer is there within a second if `stories` is slow and `people` hangs",
    ),
    Attempt(
        "timeout",
        "two deadlines of 0.7 s",
        (("0.5, 0.3", "0.7, 0.7"),),
        "an answer is there within a second if `stories` is slow and `people` hangs",
    ),
    Attempt(
        "timeout",
        "one deadline for both calls",
        (
            ("import annotations\n", "import annotations\n\nimport asyncio\n"),
            ("0.5, 0.3", "10.0, 10.0"),
            (
                "    return {",
                "    try:\n        async with asyncio.timeout(0.4):\n"
                "            name = await _name(sidecar, story['author'])\n"
                "    except TimeoutError:\n        name = ''\n    return {",
            ),
            ('await _name(sidecar, story["author"])}', "name}"),
            ("deadline=STORY_DEADLINE", "deadline=0.5"),
        ),
    ),
    Attempt(
        "timeout",
        "a deadline of more than a second",
        (("0.5, 0.3", "0.5, 1.7"),),
        "a page is there within a second, also while `people` hangs",
    ),
)


@pytest.fixture(autouse=True)
def _without_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def checked(attempt: Attempt, folder: Path) -> CheckReport:
    exercise = PATH.find(attempt.exercise)
    ((name, text),) = exercise.solution.items()
    for old, new in attempt.changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)
    return await check(exercise, folder)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda each: f"{each.exercise}: {each.what}")
async def test_an_attempt_is_judged_by_what_it_does(attempt: Attempt, tmp_path: Path) -> None:
    report = await checked(attempt, tmp_path)
    assert (report.fallen.invariant if report.fallen else "") == attempt.falls, report.fallen
