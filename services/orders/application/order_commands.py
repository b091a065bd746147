"""Cancels and refunds orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.orders.application.order_queries import OrderReader, order_id
from services.orders.application.saga_watchdog import SagaWatchdog
from services.orders.domain import transitions
from services.orders.repository import Repository


class OrderCommands:
    """What buyers and sellers may do with an order. `now` returns the current time."""

    def __init__(
        self,
        repository: Repository,
        queries: OrderReader,
        watchdog: SagaWatchdog,
        *,
        now: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._watchdog = watchdog
        self._now = now

    async def cancel(self, id: str, user: str) -> dict[str, Any]:
        """Cancel an unpaid order for its buyer. Three state calls.

        Raises `Conflict` (`too_late`).
        """
        id = order_id(id)
        await self._repository.orders.update(
            id, lambda order: transitions.cancel(order, user, self._now())
        )
        return await self._queries.show(id, user)

    async def refund(self, id: str, user: str) -> dict[str, Any]:
        """Refund a paid order for its seller. Four state calls, one of the workflow engine.

        Raises `Conflict` (`not_completed`, `refund_refused`).
        """
        id = order_id(id)
        await self._repository.orders.update(
            id, lambda order: transitions.request_refund(order, user, self._now())
        )
        await self._watchdog.start_refund(id)
        return await self._queries.show(id, user)
