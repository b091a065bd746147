"""Finds payments whose ledger entries contradict their state."""

from __future__ import annotations

from collections.abc import Mapping

from services.payments.domain import ledger
from services.payments.domain.payments import CAPTURE, VOID, PaymentRecord


def find_faults(payment: PaymentRecord) -> list[str]:
    """Return what is wrong with a payment, by its ledger entries alone. Empty if nothing is."""
    found = []
    booked = ledger.totals(payment.entries)
    steps = [entry.step for entry in payment.entries]
    if sum(booked.values()):
        found.append("does not balance")
    if len(set(steps)) < len(steps):
        found.append("has a step that was booked twice")
    if CAPTURE in steps and VOID in steps:
        found.append("was captured and voided")
    if payment.refunded > payment.captured:
        found.append("was refunded more than was captured")
    for name, wanted in _expected_totals(payment).items():
        if booked.get(name, 0) != wanted:
            found.append(f"has {booked.get(name, 0)} in {name}, and not {wanted}")
    return found


def imbalance(payment: PaymentRecord) -> int:
    """Return by how much its entries miss zero and its state, in minor units. 0 is right."""
    booked = ledger.totals(payment.entries)
    expected = _expected_totals(payment)
    return abs(sum(booked.values())) + sum(
        abs(booked.get(name, 0) - expected.get(name, 0)) for name in {*booked, *expected}
    )


def _expected_totals(payment: PaymentRecord) -> Mapping[str, int]:
    """Return the balance of each account that the state of a payment implies."""
    if payment.terms is None:
        return {}
    terms, kept = payment.terms, payment.captured - payment.refunded
    held = terms.amount if payment.state == "authorized" else 0
    return {
        ledger.HOLDS: held,
        ledger.FEES: ledger.fee(kept),
        f"buyer:{terms.buyer}": -held - kept,
        f"seller:{terms.seller}": kept - ledger.fee(kept),
    }
