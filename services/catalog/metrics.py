"""The metrics of catalog, as the sweep of stocks finds them."""

from __future__ import annotations

from services.catalog.application.stock_audit import StockAudit
from services.chassis.metrics import Metrics


def measure_stocks(metrics: Metrics, audit: StockAudit) -> None:
    """Whether stocks agree with reservations. Each replica checks all of them."""
    metrics.gauge(
        "microgram_stock_disagreements",
        "Orders about which the stock of a variant contradicts the reservation.",
        (),
        lambda: [((), len(audit.disagreements))],
    )
