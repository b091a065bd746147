"""What orders hears: its own news, from which it makes what lists show; and who is gone."""

from __future__ import annotations

from services.chassis.app import Service
from services.chassis.inbox import Event
from services.contracts.topics import ACCOUNT_CHANGED, ORDER_CHANGED
from services.orders.domain.orders import Order
from services.orders.store import OPEN, Page, Store, month_of, page_of


def subscribe(service: Service, projections: Projections) -> None:
    """Hear the service's own orders, and of people."""
    service.hear(ORDER_CHANGED.topic, ORDER_CHANGED.producer, projections.order_changed)
    service.hear(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, projections.account_changed)


class Projections:
    """Makes lists and pages agree with the logs: whatever order the news came in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def order_changed(self, event: Event) -> None:
        """Three state calls; eleven for a new order, five for one that comes to rest."""
        if event.type == ORDER_CHANGED.name:
            await self.follow(event.subject)

    async def account_changed(self, event: Event) -> None:
        """A cart goes with its owner; orders are the other side's too, and stay. One state call."""
        if event.type == ACCOUNT_CHANGED.name and event.data.get("deleted"):
            await self._store.carts.delete(event.subject)

    async def follow(self, id: str) -> None:
        """Make all lists agree with an order. Its page is written last: it says that they do."""
        doc, page = await self._store.order_and_page(id)
        if doc is None:
            return
        order = doc.value
        if page is None:
            await self._list(order)
        if order.is_at_rest:
            await self._store.open.remove(OPEN, [id])
        elif page is None or page.is_at_rest:
            await self._store.open.insert(OPEN, [[id]])
        new = page_of(doc)
        await self._store.pages.update(id, lambda kept: newer(kept, new), fresh=page is None)

    async def _list(self, order: Order) -> None:
        for lists, id in self._store.lists_of(order):
            await lists.insert(id, [[order.id]])
        await self._store.register.insert(month_of(order.id), [[order.id]])


def newer(kept: Page | None, new: Page) -> Page:
    """The page of the later version of a log."""
    return kept if kept is not None and kept.version >= new.version else new
