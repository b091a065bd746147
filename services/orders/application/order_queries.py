"""Shows and lists orders."""

from __future__ import annotations

import asyncio
from typing import Any

from services.chassis.errors import ServiceError
from services.chassis.storage.documents import Document
from services.chassis.storage.window import Window, normalize_id, normalize_or_missing
from services.orders.application.order_outcomes import OrderOutcomes
from services.orders.application.saga_watchdog import SagaWatchdog
from services.orders.domain import orders as rules
from services.orders.domain.orders import FINAL_STATES, OrderRecord
from services.orders.domain.views import order_view, with_outage
from services.orders.repository import Repository, view_of


class OrderReader:
    """Shows orders to their buyers and sellers."""

    def __init__(
        self, repository: Repository, watchdog: SagaWatchdog, outcomes: OrderOutcomes
    ) -> None:
        self._repository = repository
        self._watchdog = watchdog
        self._outcomes = outcomes

    async def show(self, id: str, viewer: str) -> dict[str, Any]:
        """Return an `Order` to its buyer or seller. Raises `NotFound`. One state call."""
        doc = await self._repository.orders.load(order_id(id))
        rules.require_party(doc.value if doc else None, viewer)
        return self.view(doc) if doc else {}

    async def await_final(
        self, order: dict[str, Any], viewer: str, seconds: float
    ) -> dict[str, Any]:
        """Return an order as it is when it is final, or after some seconds.

        No state call if it is final, there is no time, or this process ends the order; else one,
        and one more each second.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while order["state"] not in FINAL_STATES and (left := deadline - loop.time()) > 0:
            ended = await self._outcomes.wait(order["id"], left)
            try:
                order = ended or await self.show(order["id"], viewer)
            except ServiceError:  # it is placed all the same
                break
        return order

    async def list_orders(
        self, role: str, viewer: str, shop: str, window: Window
    ) -> dict[str, Any]:
        """Return what a user bought or sold, perhaps in one shop, as an `OrderList`.

        The list of a shop that is not theirs is empty, and does not hint that there is more. Two
        state calls.
        """
        repository = self._repository
        lists, id = repository.by_buyer if role == "buyer" else repository.by_seller, viewer
        if role == "seller" and shop:
            lists, id = repository.by_shop, normalize_id(shop)
        rows = await lists.page(id, window)
        found = await repository.views_of([row[0] for row in rows])
        own = [found[row[0]] for row in rows if _is_party(found.get(row[0]), role, viewer)]
        orders = [self._with_outage(order) for order in own]
        return {"orders": orders, "last": window.next_cursor(rows) if orders else ""}

    def view(self, doc: Document[OrderRecord]) -> dict[str, Any]:
        """Return the `Order` of a document."""
        return self._with_outage(view_of(doc))

    def view_of_new(self, order: OrderRecord) -> dict[str, Any]:
        """Return the `Order` of an order that was just written."""
        return self._with_outage(order_view(order) | {"version": 1})

    def _with_outage(self, view: dict[str, Any]) -> dict[str, Any]:
        return with_outage(view, self._watchdog.outage)


def order_id(id: str) -> str:
    """Normalize the id of an order. Raises `NotFound` if it cannot be one."""
    return normalize_or_missing(id, "There is no such order.")


def _is_party(order: dict[str, Any] | None, role: str, viewer: str) -> bool:
    return order is not None and order[role] == viewer
