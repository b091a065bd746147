"""The documents and lists of orders.

cart:USER              what a user is about to buy; published on `orders-carts`, to this service
                       alone, when an order has claimed it
intent:USER:KEY        which order a checkout with an idempotency key creates
order:ORDER            the event log of an order; published on `orders`

Lists, projected from the logs (`application/projections.py`), and rebuilt on demand
(`application/projection_rebuild.py`):

buyer:USER             [order], what a user bought
seller:USER            [order], what a user sold
shop:SHOP              [order], what one shop sold
open:all               [order], orders that were not final when they were last checked

register:YYYY-MM       [order], all orders placed in a month: a rebuild reads these
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import ABSENT
from services.chassis.ids import id_time
from services.chassis.service import Service
from services.chassis.storage.bulk_insert import ListRef
from services.chassis.storage.documents import Document
from services.contracts.accounts import Model
from services.contracts.events import ORDER_CHANGED, EventType
from services.orders.domain.carts import CartRecord
from services.orders.domain.orders import OrderRecord
from services.orders.domain.views import order_view

IDEMPOTENCY_KEY_TTL = 30 * 24 * 3600
"""Seconds for which an idempotency key is kept."""

OPEN_LIST = "all"
_OPEN_SEGMENT_SIZE = 500
"""All open orders fit in the list's head, from which many are removed at once."""


class CartClaim(Model):
    """The event data of a claimed cart: the order that claimed it."""

    order: str


CART_CLAIMED = EventType("cart.claimed", "orders-carts", "orders", CartClaim, private=True)
"""Consumed by this service alone: the claiming order must be written."""


@dataclass(frozen=True, slots=True)
class CheckoutIntent:
    """Which order a request creates. `fingerprint` identifies the request."""

    order: str
    fingerprint: str


class Repository:
    """The documents and lists of orders."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.carts = service.collection("cart", CartRecord)
        # The same documents, for the one change that the service must know of.
        self.claims = service.collection(
            "cart", CartRecord, publishes=CART_CLAIMED, to_event=_claim_event
        )
        self.intents = service.collection("intent", CheckoutIntent, ttl=IDEMPOTENCY_KEY_TTL)
        self.orders = service.collection(
            "order",
            OrderRecord,
            publishes=ORDER_CHANGED,
            to_event=lambda _, data: order_view(self.orders.decode_value(data)),
        )
        self.by_buyer = service.lists("buyer")
        self.by_seller = service.lists("seller")
        self.by_shop = service.lists("shop")
        self.open_orders = service.lists("open", segment_size=_OPEN_SEGMENT_SIZE)
        self.register = service.lists("register")

    async def intent_and_cart(
        self, key: str, user: str
    ) -> tuple[Document[CheckoutIntent] | None, Document[CartRecord] | None]:
        """Return the intent of an idempotency key, and the cart of a user. One state call."""
        keys = [self.intents.key(key), self.carts.key(user)]
        rows = await self.state.get_many(keys)
        intent, cart = (rows.get(key, ABSENT) for key in keys)
        return self.intents.decode(intent), self.carts.decode(cart)

    async def views_of(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return orders as lists show them, each a `contracts.orders.Order`. One state call."""
        return {id: view_of(doc) for id, doc in (await self.orders.load_many(ids)).items()}

    def lists_of(self, order: Mapping[str, Any]) -> list[ListRef]:
        """Return the lists in which an order stays, given its view."""
        return [
            (self.by_buyer, order["buyer"]),
            (self.by_seller, order["seller"]),
            (self.by_shop, order["shop"]),
            (self.register, id_time(order["id"]).strftime("%Y-%m")),
        ]


def _claim_event(_: str, cart: dict[str, Any]) -> dict[str, Any] | None:
    order = cart.get("order")
    return {"order": order["id"]} if order else None


def view_of(doc: Document[OrderRecord]) -> dict[str, Any]:
    """Return the `contracts.orders.Order` of an order."""
    return order_view(doc.value) | {"version": doc.version}
