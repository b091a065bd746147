"""The plan of a checkout. The steps are in other services; each of them may fail."""

from __future__ import annotations

from services.chassis.workflows.plan import CallActivity, Plan, RetryPolicy, StepFailed

STEPS = (("reserve", "release"), ("charge", "refund"), ("ship", "recall"))
"""The steps forward, each with the step that undoes it."""

FORWARD, BACK = RetryPolicy(max_attempts=2), RetryPolicy(max_attempts=20)


def checkout(order: str) -> Plan:
    """Hold the goods, charge the card, ship. Returns "completed" or "cancelled"."""
    undo: list[str] = []
    try:
        for step, back in STEPS:
            undo.append(back)  # before the step: its answer may be lost
            yield CallActivity(step, order, FORWARD)
    except StepFailed:
        for back in reversed(undo):
            yield CallActivity(back, order, BACK)
        return "cancelled"
    return "completed"
