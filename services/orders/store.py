"""What orders keeps.

cart:USER              what somebody is about to buy; of one that an order has taken the service
                       hears on `orders-carts`
intent:USER:KEY        which order a checkout with an idempotency key makes
order:ORDER            the event log of an order; others hear of it on `orders`

Made from the logs by hearing of them (`events.py`), and made anew on demand (`rebuild.py`):

page:ORDER             an order as lists show it, from its first rest on; before, they ask the log
buyer:USER             [order], what somebody bought
seller:USER            [order], what somebody sold
shop:SHOP              [order], what was sold in one shop
open:all               [order], those that are not at rest, or were not when last looked at

register:YYYY-MM       [order], all that were placed in a month: what a rebuild goes by
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.client import ABSENT
from services.chassis.ids import id_time
from services.chassis.service import Service
from services.chassis.storage.collection import Document
from services.chassis.storage.segmented_list import Place, SegmentedLists
from services.contracts import events
from services.orders.domain import orders as rules
from services.orders.domain.carts import Cart
from services.orders.domain.orders import Order

KEY_LIFE = 30 * 24 * 3600
"""For how long, in seconds, an idempotency key is remembered."""

CARTS = "orders-carts"
"""A topic of its own, on which the service alone hears of carts."""

OPEN = "all"
_OPEN_SEGMENT = 500
"""So many that they all are in the head, from which many are taken at once."""


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

    @property
    def is_refunding(self) -> bool:
        """Whether it was at rest, and is no more."""
        return bool(self.order["state"] == rules.REFUNDING)

    def has(self, what: str) -> bool:
        return any(entry["what"] == what for entry in self.order["history"])


class Store:
    """The documents and lists of orders."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.carts = service.collection("cart", Cart)
        # The same documents, for the one change of them that the service must hear of.
        self.claims = service.collection(
            "cart", Cart, outbox=service.outbox(CARTS).publishes("cart", "cart.claimed", _claim)
        )
        self.intents = service.collection("intent", Intent, ttl=KEY_LIFE)
        self.orders = service.collection(
            "order",
            Order,
            outbox=service.outbox(events.ORDER_CHANGED.topic).publishes(
                "order", events.ORDER_CHANGED.name, lambda _, data: self._told(data)
            ),
        )
        self.pages = service.collection("page", Page)
        self.bought = SegmentedLists(self.state, "buyer")
        self.sold = SegmentedLists(self.state, "seller")
        self.of_shop = SegmentedLists(self.state, "shop")
        self.open = SegmentedLists(self.state, "open", segment=_OPEN_SEGMENT)
        self.register = SegmentedLists(self.state, "register")

    async def intent_and_cart(
        self, key: str, user: str
    ) -> tuple[Document[Intent] | None, Document[Cart] | None]:
        """What a request with a key was to make, and somebody's cart. One state call."""
        keys = [self.intents.key(key), self.carts.key(user)]
        rows = await self.state.get_many(keys)
        intent, cart = (rows.get(key, ABSENT) for key in keys)
        return self.intents.decode(intent), self.carts.decode(cart)

    async def pages_of(self, ids: Sequence[str]) -> dict[str, Page]:
        """What lists show of some orders. One state call, two where some were never at rest."""
        pages = await self.pages.get_many(ids)
        live = await self.orders.load_many([id for id in ids if id not in pages])
        return pages | {id: page_of(doc) for id, doc in live.items()}

    def places_of(self, order: dict[str, Any]) -> list[Place]:
        """The lists in which an order stays, by what is told of it."""
        return [
            (self.bought, order["buyer"]),
            (self.sold, order["seller"]),
            (self.of_shop, order["shop"]),
            (self.register, month_of(order["id"])),
        ]

    def _told(self, data: dict[str, Any]) -> dict[str, Any]:
        return rules.public(self.orders.decode_value(data))


def _claim(_: str, cart: dict[str, Any]) -> dict[str, Any] | None:
    order = cart.get("order")
    return {"order": order["id"]} if order else None


def page_of(doc: Document[Order]) -> Page:
    """What lists show of an order."""
    return Page(doc.version, rules.public(doc.value) | {"version": doc.version})


def month_of(order: str) -> str:
    """The register that an order is in."""
    return id_time(order).strftime("%Y-%m")
