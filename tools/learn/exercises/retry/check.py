"""Calls that fail in each way, with a clock that does not really wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from unittest import mock

from services.chassis.errors import NotFound, OutcomeUnknown, ServiceError, Unavailable
from tools.learn.report import Work

MOST = 10
"""Attempts after which a call counts as endless."""

MAX_SECONDS = 5.0
LOOK = "retrying.py, `call`: "


class _EndlessCall(BaseException):
    """No `except Exception` stops it."""


class _Callee:
    """Raises the given errors in turn, and then answers."""

    def __init__(self, *errors: ServiceError) -> None:
        self.errors = [*errors]
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.asked > MOST:
            raise _EndlessCall
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def _outcome(
    work: Work, callee: _Callee, *, is_idempotent: bool = False
) -> tuple[str, list[float]]:
    """Return what a call came to, and its pauses in seconds."""
    pauses: list[float] = []
    real: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def sleep(seconds: float, *_: object) -> None:
        pauses.append(seconds)
        await real(0)

    with mock.patch.object(asyncio, "sleep", sleep):
        call = work.module("retrying").call  # here: it may do `from asyncio import sleep`
        try:
            outcome = str(await call(callee, is_idempotent=is_idempotent))
        except ServiceError as error:
            outcome = type(error).__name__
        except _EndlessCall:
            outcome = f"still asking after {MOST} attempts"
    return outcome, pauses


async def check(work: Work) -> None:
    """Check `call` of retrying.py."""
    away = [Unavailable("away") for _ in range(MOST + 1)]
    unknown = [OutcomeUnknown("no answer") for _ in range(MOST + 1)]
    outcome, _ = await _outcome(work, _Callee(*away[:2]))
    _require(work, "what was away twice is asked a third time", outcome, "answer", "the loop")
    callee = _Callee(*away)
    outcome, pauses = await _outcome(work, callee)
    what = "a call ends, also if the callee stays away"
    _require(work, what, outcome, Unavailable.__name__, "how many attempts are there?")
    for error, is_idempotent in ((NotFound("no such post"), True), (unknown[0], False)):
        callee = _Callee(error)
        outcome, _ = await _outcome(work, callee, is_idempotent=is_idempotent)
        name = type(error).__name__
        what = f"{name} is an answer: nothing is repeated"
        if not is_idempotent:
            what = f"what is not idempotent is not repeated after {name}"
        seen = f"{outcome}; attempts: {callee.asked}"
        _require(work, what, seen, f"{name}; attempts: 1", "which errors are safe to repeat?")
    outcome, _ = await _outcome(work, _Callee(*unknown[:1]), is_idempotent=True)
    what = "what is idempotent is asked again after OutcomeUnknown"
    _require(work, what, outcome, "answer", "which errors are safe to repeat?")
    await _require_pauses(work, pauses)


async def _require_pauses(work: Work, pauses: list[float]) -> None:
    work.require(
        "nobody waits long",
        sum(pauses) < MAX_SECONDS,
        expected=f"pauses of less than {MAX_SECONDS:.0f} s in all",
        seen=f"{sum(pauses):.1f} s",
        look=LOOK + "the pauses",
    )
    firsts = set()
    for _ in range(20):
        _, pauses = await _outcome(work, _Callee(Unavailable("away")))
        firsts |= {round(pause, 6) for pause in pauses[:1]}
    work.require(
        "callers do not come back at the same moment",
        len(firsts) > 10,
        expected="20 callers, nearly all with a pause of their own",
        seen=f"different pauses: {len(firsts)}",
        look=LOOK + "what makes the pauses differ?",
    )


def _require(work: Work, what: str, seen: str, expected: str, look: str) -> None:
    work.require(what, seen == expected, expected=expected, seen=seen, look=LOOK + look)
