"""What orders keeps.

cart:USER              what somebody is about to buy
intent:USER:KEY        which order a checkout with an idempotency key makes
order:ORDER            the event log of an order; others hear of it on `orders`

Made from the logs by hearing of them (`events.py`), and made anew on demand (`rebuild.py`):

page:ORDER             an order as lists show it
buyer:USER             [order], what somebody bought
seller:USER            [order], what somebody sold
shop:SHOP              [order], what was sold in one shop
open:all               [order], those that are not at rest

register:YYYY-MM       [order], all that were placed in a month: what a rebuild goes by
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.app import Service
from services.chassis.documents import Doc
from services.chassis.ids import instant
from services.chassis.segments import SegmentedLists
from services.chassis.sidecar import ABSENT
from services.contracts import topics
from services.orders.domain import orders as rules
from services.orders.domain.carts import Cart
from services.orders.domain.orders import Order

KEY_LIFE = 30 * 24 * 3600
"""For how long, in seconds, an idempotency key is remembered."""

OPEN = "all"


@dataclass(frozen=True, slots=True)
class Intent:
    """Which order a request makes; `fingerprint` tells it from another with the same key."""

    order: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Page:
    """An order as lists show it, as of a version of its log."""

    version: int
    order: dict[str, Any]

    @property
    def is_at_rest(self) -> bool:
        return self.order["state"] in rules.ENDS


class Store:
    """The documents and lists of orders."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.carts = service.collection("cart", Cart)
        self.intents = service.collection("intent", Intent, ttl=KEY_LIFE)
        self.orders = service.collection(
            "order",
            Order,
            outbox=service.outbox(topics.ORDER_CHANGED.topic).tells(
                "order", topics.ORDER_CHANGED.name, lambda _, data: self._told(data)
            ),
        )
        self.pages = service.collection("page", Page)
        self.bought = SegmentedLists(self.state, "buyer")
        self.sold = SegmentedLists(self.state, "seller")
        self.of_shop = SegmentedLists(self.state, "shop")
        self.open = SegmentedLists(self.state, "open")
        self.register = SegmentedLists(self.state, "register")

    async def order_and_page(self, id: str) -> tuple[Doc[Order] | None, Page | None]:
        """An order's log, and what lists show of it. One state call."""
        keys = [self.orders.key(id), self.pages.key(id)]
        rows = await self.state.get_many(keys)
        page = self.pages.open(rows.get(keys[1], ABSENT))
        return self.orders.open(rows.get(keys[0], ABSENT)), page.value if page else None

    def lists_of(self, order: Order) -> list[tuple[SegmentedLists, str]]:
        """Where an order is shown."""
        terms = order.terms
        return [
            (self.bought, terms.buyer),
            (self.sold, terms.seller),
            (self.of_shop, terms.shop),
        ]

    def _told(self, data: dict[str, Any]) -> dict[str, Any]:
        return rules.public(self.orders.value_of(data))


def page_of(doc: Doc[Order]) -> Page:
    """What lists show of an order."""
    return Page(doc.version, rules.public(doc.value) | {"version": doc.version})


def month_of(order: str) -> str:
    """The register that an order is in."""
    return instant(order).strftime("%Y-%m")
