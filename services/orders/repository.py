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

from services.chassis.dapr.state import ABSENT
from services.chassis.ids import id_time
from services.chassis.service import Service
from services.chassis.storage.bulk_insert import ListRef
from services.chassis.storage.collection import Document
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import events
from services.orders.domain import orders as rules
from services.orders.domain.carts import CartRecord
from services.orders.domain.orders import OrderRecord

IDEMPOTENCY_KEY_TTL = 30 * 24 * 3600
"""For how long, in seconds, an idempotency key is remembered."""

CART_TOPIC = "orders-carts"
"""A topic of its own, on which the service alone hears of carts."""

OPEN_LIST = "all"
_OPEN_SEGMENT_SIZE = 500
"""So many that they all are in the head, from which many are taken at once."""


@dataclass(frozen=True, slots=True)
class CheckoutIntent:
    """Which order a request makes; `fingerprint` tells it from another with the same key."""

    order: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class OrderReadModel:
    """An order as lists show it, as of a version of its log."""

    version: int
    order: dict[str, Any]

    @property
    def is_final(self) -> bool:
        return self.order["state"] in rules.FINAL_STATES

    @property
    def is_refunding(self) -> bool:
        """Whether it was at rest, and is no more."""
        return bool(self.order["state"] == rules.REFUNDING)

    def has(self, what: str) -> bool:
        return any(entry["what"] == what for entry in self.order["history"])


class Repository:
    """The documents and lists of orders."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.carts = service.collection("cart", CartRecord)
        # The same documents, for the one change of them that the service must hear of.
        self.claims = service.collection(
            "cart",
            CartRecord,
            outbox=service.outbox(CART_TOPIC).publishes("cart", "cart.claimed", _claim_event),
        )
        self.intents = service.collection("intent", CheckoutIntent, ttl=IDEMPOTENCY_KEY_TTL)
        self.orders = service.collection(
            "order",
            OrderRecord,
            outbox=service.outbox(events.ORDER_CHANGED.topic).publishes(
                "order", events.ORDER_CHANGED.name, lambda _, data: self._public_order(data)
            ),
        )
        self.read_models = service.collection("page", OrderReadModel)
        self.by_buyer = SegmentedLists(self.state, "buyer")
        self.by_seller = SegmentedLists(self.state, "seller")
        self.by_shop = SegmentedLists(self.state, "shop")
        self.open_orders = SegmentedLists(self.state, "open", segment=_OPEN_SEGMENT_SIZE)
        self.register = SegmentedLists(self.state, "register")

    async def intent_and_cart(
        self, key: str, user: str
    ) -> tuple[Document[CheckoutIntent] | None, Document[CartRecord] | None]:
        """What a request with a key was to make, and somebody's cart. One state call."""
        keys = [self.intents.key(key), self.carts.key(user)]
        rows = await self.state.get_many(keys)
        intent, cart = (rows.get(key, ABSENT) for key in keys)
        return self.intents.decode(intent), self.carts.decode(cart)

    async def read_models_of(self, ids: Sequence[str]) -> dict[str, OrderReadModel]:
        """What lists show of some orders. One state call, two where some were never at rest."""
        pages = await self.read_models.get_many(ids)
        live = await self.orders.load_many([id for id in ids if id not in pages])
        return pages | {id: read_model_of(doc) for id, doc in live.items()}

    def lists_of(self, order: dict[str, Any]) -> list[ListRef]:
        """The lists in which an order stays, by what is told of it."""
        return [
            (self.by_buyer, order["buyer"]),
            (self.by_seller, order["seller"]),
            (self.by_shop, order["shop"]),
            (self.register, register_of(order["id"])),
        ]

    def _public_order(self, data: dict[str, Any]) -> dict[str, Any]:
        return rules.to_public(self.orders.decode_value(data))


def _claim_event(_: str, cart: dict[str, Any]) -> dict[str, Any] | None:
    order = cart.get("order")
    return {"order": order["id"]} if order else None


def read_model_of(doc: Document[OrderRecord]) -> OrderReadModel:
    """What lists show of an order."""
    return OrderReadModel(doc.version, rules.to_public(doc.value) | {"version": doc.version})


def register_of(order: str) -> str:
    """The register that an order is in."""
    return id_time(order).strftime("%Y-%m")
