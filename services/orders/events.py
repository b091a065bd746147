"""What orders hears: its own news, from which it makes what lists show; and who is gone.

Of a cart that an order has claimed it hears so that the order is written, should the process that
claimed it have died before.

The news is the newest state of an order, as a page shows it, so the log itself is not read. It may
come twice, late, and of several versions only the last: each says all that lists need.
"""

from __future__ import annotations

from services.chassis.consuming.inbox import Event
from services.chassis.service import Service
from services.chassis.storage.segmented_list import Place, insert_read
from services.chassis.storage.window import Row
from services.contracts.events import ACCOUNT_CHANGED, ORDER_CHANGED
from services.orders.checkout import Checkout
from services.orders.domain import orders as rules
from services.orders.store import CARTS, OPEN, Page, Store

_REMEMBERED = 10_000
"""Of how many orders a process remembers that it has put them into their lists."""


def subscribe(service: Service, projections: Projections, checkout: Checkout) -> None:
    """Hear the service's own orders and carts, and of people."""

    async def cart_claimed(event: Event) -> None:
        await checkout.complete(event.subject, event.data["order"])

    service.on(CARTS, service.name, cart_claimed)
    service.on(ORDER_CHANGED.topic, ORDER_CHANGED.producer, projections.order_changed)
    service.on(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, projections.account_changed)


class Projections:
    """Makes lists and pages agree with the logs: whatever order the news came in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listed: dict[str, None] = {}

    async def order_changed(self, event: Event) -> None:
        """Two state calls for a new order, and one more for each list that is new.

        One for an order that comes to rest, two for one that is refunded then; else none, unless
        another process has put it into its lists: then one, to see that it did.
        """
        if event.type == ORDER_CHANGED.name:
            page = Page(event.entityversion, event.data | {"version": event.entityversion})
            await self.follow(event.subject, page)

    async def account_changed(self, event: Event) -> None:
        """A cart goes with its owner; orders are the other side's too, and stay. One state call."""
        if event.type == ACCOUNT_CHANGED.name and event.data.get("deleted"):
            await self._store.carts.delete(event.subject)

    async def follow(self, id: str, page: Page) -> None:
        """Make all lists agree with an order. It is shown by its page from its first rest on."""
        if id not in self._listed:
            await self._list(id, page)
        elif page.is_refunding:
            await self._store.open.insert(OPEN, [[id]])
        if page.is_at_rest or page.is_refunding:
            is_first = not page.has(rules.REFUND)
            await self._store.pages.update(id, lambda kept: newer(kept, page), fresh=is_first)

    async def _list(self, id: str, page: Page) -> None:
        """Put an order into its lists. None of them but that of the open ones ever loses it."""
        store = self._store
        wanted: dict[Place, list[Row]] = {place: [[id]] for place in store.places_of(page.order)}
        if not page.is_at_rest:
            wanted[store.open, OPEN] = [[id]]
        found = await store.state.get_many([lists.heads.key(key) for lists, key in wanted])
        await insert_read(store.state, wanted, found)
        self._listed[id] = None
        if len(self._listed) > _REMEMBERED:
            del self._listed[next(iter(self._listed))]


def newer(kept: Page | None, new: Page) -> Page:
    """The page of the later version of a log."""
    return kept if kept is not None and kept.version >= new.version else new
