"""The metrics of orders, as the saga watchdog saw them last."""

from __future__ import annotations

from typing import get_args

from services.chassis.metrics import Metrics
from services.chassis.service_metrics import age_of
from services.contracts.orders import OrderState
from services.orders.application.saga_watchdog import UNREAD, SagaWatchdog
from services.orders.domain.orders import FINAL_STATES


def measure_sagas(metrics: Metrics, watchdog: SagaWatchdog) -> None:
    """The checkouts and refunds that have not ended. Each replica counts all."""
    states = [state for state in (*get_args(OrderState), UNREAD) if state not in FINAL_STATES]

    metrics.gauge(
        "microgram_orders_open",
        "Orders whose checkout or refund has not ended, of all replicas, by state.",
        ("state",),
        lambda: [((state,), watchdog.open_by_state[state]) for state in states],
    )
    metrics.gauge(
        "microgram_orders_oldest_open_age_seconds",
        "Time since the oldest checkout or refund began that has not ended.",
        (),
        lambda: [((), age_of(watchdog.oldest_open_since))],
    )
