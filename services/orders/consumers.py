"""What orders hears: its own news, from which it makes what lists show; and who is gone.

Of a cart that an order has claimed it hears so that the order is written, should the process that
claimed it have died before.

The news is the newest state of an order, as a page shows it, so the log itself is not read. It may
come twice, late, and of several versions only the last: each says all that lists need.
"""

from __future__ import annotations

from services.chassis.consuming.events import CloudEvent
from services.chassis.service import Service
from services.chassis.storage.bulk_insert import ListRef, insert_read
from services.chassis.storage.window import Row
from services.contracts.events import ACCOUNT_CHANGED, ORDER_CHANGED
from services.orders.application.checkout import CheckoutService
from services.orders.domain import orders as rules
from services.orders.repository import CART_TOPIC, OPEN_LIST, OrderReadModel, Repository

_MAX_REMEMBERED_ORDERS = 10_000
"""Of how many orders a process remembers that it has put them into their lists."""


def subscribe(service: Service, projections: OrderProjector, checkout: CheckoutService) -> None:
    """Hear the service's own orders and carts, and of people."""

    async def cart_claimed(event: CloudEvent) -> None:
        await checkout.complete(event.subject, event.data["order"])

    service.on_topic(CART_TOPIC, service.name, cart_claimed)
    service.on_topic(ORDER_CHANGED.topic, ORDER_CHANGED.producer, projections.on_order_changed)
    service.on_topic(
        ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, projections.on_account_changed
    )


class OrderProjector:
    """Makes lists and pages agree with the logs: whatever order the news came in."""

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._listed: dict[str, None] = {}

    async def on_order_changed(self, event: CloudEvent) -> None:
        """Two state calls for a new order, and one more for each list that is new.

        One for an order that comes to rest, two for one that is refunded then; else none, unless
        another process has put it into its lists: then one, to see that it did.
        """
        if event.type == ORDER_CHANGED.name:
            page = OrderReadModel(
                event.entityversion, event.data | {"version": event.entityversion}
            )
            await self.project(event.subject, page)

    async def on_account_changed(self, event: CloudEvent) -> None:
        """A cart goes with its owner; orders are the other side's too, and stay. One state call."""
        if event.type == ACCOUNT_CHANGED.name and event.data.get("deleted"):
            await self._store.carts.delete(event.subject)

    async def project(self, id: str, page: OrderReadModel) -> None:
        """Make all lists agree with an order. It is shown by its page from its first rest on."""
        if id not in self._listed:
            await self._insert_into_lists(id, page)
        elif page.is_refunding:
            await self._store.open_orders.insert(OPEN_LIST, [[id]])
        if page.is_final or page.is_refunding:
            is_first = not page.has(rules.REFUND_REQUESTED)
            await self._store.read_models.update(id, lambda kept: newer(kept, page), fresh=is_first)

    async def _insert_into_lists(self, id: str, page: OrderReadModel) -> None:
        """Put an order into its lists. None of them but that of the open ones ever loses it."""
        store = self._store
        wanted: dict[ListRef, list[Row]] = {place: [[id]] for place in store.lists_of(page.order)}
        if not page.is_final:
            wanted[store.open_orders, OPEN_LIST] = [[id]]
        found = await store.state.get_many([lists.heads.key(key) for lists, key in wanted])
        await insert_read(store.state, wanted, found)
        self._listed[id] = None
        if len(self._listed) > _MAX_REMEMBERED_ORDERS:
            del self._listed[next(iter(self._listed))]


def newer(kept: OrderReadModel | None, new: OrderReadModel) -> OrderReadModel:
    """The page of the later version of a log."""
    return kept if kept is not None and kept.version >= new.version else new
