"""The saga of a checkout: forward while each step succeeds, else back. And that of a refund.

    reserve ─→ authorise ─→ confirm ║ capture ─→ completed
       └──────────┴────────────┴────╫──→ void ─→ release ─→ cancelled, declined, failed
                        from here on: forward only

All steps forward are tried in one activity first, because each activity costs the engine as much as
two calls of a service. If one of them fails or has to wait, they are done one by one. Orders that
are placed at the same time are tried together, in one workflow.

Each step is an idempotent activity (`application/checkout_activities.py`). It answers with a
`word`: `ok`, `wait` (ask again), `back` (the checkout was reversed), or `over` (nothing is left to
do). `marks` are events that are not written yet: the next step that writes takes them along, so
that a checkout costs three writes of its document instead of seven.

A step whose outcome is unknown is retried. If that does not help within bounds, the checkout is
reversed. Compensation is never given up: the plan starts again, and reads from the order's log how
far it is.

The names of workflows, activities and fields are persisted in the history of running workflows. A
workflow that is changed gets a new name, and the old one stays for those that run.
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

CHECKOUT, CHECKOUT_BY_STEPS, REFUND = "checkout-2", "checkout", "refund"
CHECKOUT_TOGETHER = "checkout-together"
"""The names of workflows."""

ADVANCE, ADVANCE_TOGETHER = "advance", "advance_together"
RESERVE, AUTHORISE, CONFIRM, CAPTURE = "reserve", "authorise", "confirm", "capture"
GIVE_UP, VOID, RELEASE, CLOSE = "give_up", "void", "release", "close"
PAY_BACK, RESTOCK = "pay_back", "restock"

FORWARD_STEPS = (RESERVE, AUTHORISE, CONFIRM)
COMPENSATION_STEPS = (VOID, RELEASE, CLOSE)

BOUNDED_RETRY = RetryPolicy(
    max_attempts=15, initial_interval=0.2, backoff_coefficient=2.5, max_interval=4.0
)
"""For steps after which the checkout may still be reversed: 45 seconds of pauses in all. A killed
service is back within five seconds, on a busy machine within twenty."""

PERSISTENT_RETRY = RetryPolicy(
    max_attempts=20, initial_interval=0.2, backoff_coefficient=1.7, max_interval=15.0
)
"""For steps that must succeed. After the last attempt the plan starts again."""

POLL_DELAYS = (0.5, 1.0, 2.0, 4.0, *(5.0,) * 20)
"""Seconds between two questions whether a payment is still pending: 107.5 in all."""


def checkout(order: str) -> Plan:
    """Take an order from `placed` to its final state, in one activity if nothing is in the way."""
    try:
        word = (yield CallActivity(ADVANCE, {"order": order}))["word"]
    except StepFailed:
        word = "wait"
    return word if word in ("ok", "over") else (yield from checkout_by_steps(order))


def checkout_together(given: dict[str, Any]) -> Plan:
    """Take `{"orders": […]}` from `placed` to their final states, as far as nothing is in the way.

    The others get workflows of their own.
    """
    yield CallActivity(ADVANCE_TOGETHER, given)


def checkout_by_steps(order: str) -> Plan:
    """Take an order from where it is to its final state, with an activity for each step."""
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
    """Do one step forward. Returns its word, and why it failed."""
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
    """Do a step that must succeed. The plan fails if it is still pending after all delays."""
    for pause in POLL_DELAYS:
        answer = yield CallActivity(step, given, PERSISTENT_RETRY)
        if answer["word"] != "wait":
            return answer if whole else answer["word"]
        yield Sleep(pause)
    raise StepFailed(step, "pending", "The outcome is not known yet.")


def refund(given: dict[str, Any]) -> Plan:
    """Give back money and goods of `{"order": …, "number": …}`."""
    try:
        answer = yield from _until_known(PAY_BACK, given, whole=True)
        if answer["word"] == "ok":
            restock = {**given, "marks": answer.get("marks", [])}
            yield CallActivity(RESTOCK, restock, PERSISTENT_RETRY)
    except StepFailed:
        return ContinueAsNew(given)
    return answer["word"]
