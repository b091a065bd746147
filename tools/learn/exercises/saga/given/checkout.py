"""The plan of a checkout. The steps are in other services; each of them may fail."""

from __future__ import annotations

from services.chassis.workflows.plan import CallActivity, Plan


def checkout(order: str) -> Plan:
    """Hold the goods, charge the card, ship. Returns "completed" or "cancelled"."""
    yield CallActivity("reserve", order)
    yield CallActivity("charge", order)
    yield CallActivity("ship", order)
    return "completed"
