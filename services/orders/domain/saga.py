"""The saga of a checkout: forward while all goes well, else back; and that of a refund.

    reserve ─→ authorise ─→ confirm ║ capture ─→ completed
       └──────────┴────────────┴────╫──→ void ─→ release ─→ cancelled, declined, failed
                        from here on: forward only

Each step is an activity that may be done again at any time (`steps.py`), and answers with a `word`:
`ok`, `wait` (ask again), `back` (the order was turned back), or `over` (nothing is left to do).
`marks` are what happened and is not written down yet: the next step that writes takes them along,
so that a checkout costs three swaps of its document and not seven.

A step whose outcome is not known is repeated; where that does not help within bounds, the order is
turned back. What gives back is never given up: the plan begins anew, and finds in the order's log
where it was.
"""

from __future__ import annotations

from typing import Any

from services.chassis.workflows.plan import (
    CallActivity,
    ContinueAsNew,
    Plan,
    RetryPolicy,
    Sleep,
    StepFailed,
)

RESERVE, AUTHORISE, CONFIRM, CAPTURE = "reserve", "authorise", "confirm", "capture"
GIVE_UP, VOID, RELEASE, CLOSE = "give_up", "void", "release", "close"
PAY_BACK, RESTOCK = "pay_back", "restock"

FORWARD_STEPS = (RESERVE, AUTHORISE, CONFIRM)
COMPENSATION_STEPS = (VOID, RELEASE, CLOSE)

BOUNDED_RETRY = RetryPolicy(attempts=15, first=0.2, factor=2.5, longest=4.0)
"""For steps after which the order may still be turned back: 45 seconds of pauses in all. A service
that was killed is there again within five, on a machine that is short of breath within twenty."""

PERSISTENT_RETRY = RetryPolicy(attempts=20, first=0.2, factor=1.7, longest=15.0)
"""For those that must be gone through; after the last try the plan begins anew."""

POLL_DELAYS = (0.5, 1.0, 2.0, 4.0, *(5.0,) * 20)
"""Seconds between the questions whether a payment is still pending: 107.5 in all."""


def checkout(order: str) -> Plan:
    """Sees an order from `placed` to its rest."""
    try:
        word = yield from _forward(order)
        if word == "back":
            word = yield from _compensate(order)
    except StepFailed:
        return ContinueAsNew(order)
    return word


def _forward(order: str) -> Plan:
    marks: list[list[str]] = []
    for step in FORWARD_STEPS:
        word, why = yield from _attempt(step, order, marks)
        if word == "failed":
            given = {"order": order, "why": why, "marks": marks}
            word = (yield CallActivity(GIVE_UP, given, PERSISTENT_RETRY))["word"]
        if word != "ok":
            return word
    return (yield from _until_known(CAPTURE, {"order": order}))


def _attempt(step: str, order: str, marks: list[list[str]]) -> Plan:
    """One step forward; says how it went, and why not."""
    for pause in (*POLL_DELAYS, 0.0):
        try:
            answer = yield CallActivity(step, {"order": order, "marks": marks}, BOUNDED_RETRY)
        except StepFailed:
            return "failed", f"{step}: no answer"
        marks += answer.get("marks", [])
        if answer["word"] != "wait":
            return answer["word"], ""
        if pause:
            yield Sleep(pause)
    return "failed", f"{step}: still pending"


def _compensate(order: str) -> Plan:
    marks: list[list[str]] = []
    for step in COMPENSATION_STEPS:
        answer = yield from _until_known(step, {"order": order, "marks": marks}, whole=True)
        marks += answer.get("marks", [])
    return "back"


def _until_known(step: str, given: dict[str, Any], *, whole: bool = False) -> Plan:
    """A step there is no way around; what is still open after all waits fails the plan."""
    for pause in POLL_DELAYS:
        answer = yield CallActivity(step, given, PERSISTENT_RETRY)
        if answer["word"] != "wait":
            return answer if whole else answer["word"]
        yield Sleep(pause)
    raise StepFailed(step, "pending", "Nobody knows the outcome yet.")


def refund(given: dict[str, Any]) -> Plan:
    """Gives money and goods back: `{"order": …, "number": …}`."""
    try:
        answer = yield from _until_known(PAY_BACK, given, whole=True)
        if answer["word"] == "ok":
            yield CallActivity(
                RESTOCK, {**given, "marks": answer.get("marks", [])}, PERSISTENT_RETRY
            )
    except StepFailed:
        return ContinueAsNew(given)
    return answer["word"]
