"""The metrics of payments, as the sweep of the ledger finds them."""

from __future__ import annotations

from services.chassis.metrics import Metrics
from services.payments.application.ledger_audit import LedgerAudit


def measure_ledger(metrics: Metrics, audit: LedgerAudit) -> None:
    """Whether the ledger balances. Each replica checks all of it."""
    metrics.gauge(
        "microgram_ledger_imbalance",
        "By how much payments miss zero and their states, in minor units of all currencies.",
        (),
        lambda: [((), sum(audit.faulty.values()))],
    )
    metrics.gauge(
        "microgram_ledger_faulty_payments",
        "Payments whose ledger entries contradict their state, or that cannot be read.",
        (),
        lambda: [((), len(audit.faulty))],
    )
