"""What catalog keeps.

shop:SHOP               a shop; others hear of it on `shops`
product:PRODUCT         a product; others hear of it on `products`
stock:VARIANT           how many pieces there are, and for which orders some are held
reservation:ORDER       what is held for an order
seller:USER             whether somebody is suspended or gone, as users says
idempotency:USER:KEY    which shop or product a request makes, for an hour
indexed:PRODUCT         the terms under which a product may be found
reindexed:all           which grammar of terms has been brought to all products
owned:USER              [shop], all that somebody opened
shops:all               [shop], all that are open
made:SHOP               [product], all of a shop
offered:SHOP            [product], those that are not archived
market:all              [product], those of all shops; the newest ones
word:TERM               [product], those in which a word or a part of it is; the newest ones

The last six are segmented lists, made from `shop` and `product` by hearing of them (`events.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.catalog.domain import products as product_rules
from services.catalog.domain import reservations as reservation_rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import Product
from services.catalog.domain.reservations import Reservation
from services.catalog.domain.shops import Shop
from services.catalog.domain.stock import Stock
from services.chassis.dapr.client import StateEntry
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import events

KEY_LIFE = 3600
"""For how long, in seconds, an idempotency key is remembered."""

ALL = "all"
MOST_FOUND = 5_000
"""How many of the newest products are kept in the lists of the market and of each word."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Which shop or product a request makes, and which variants."""

    id: str
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seller:
    """How somebody stands, as of a version of their profile."""

    version: int = 0
    suspended: bool = False
    gone: bool = False

    @property
    def is_hidden(self) -> bool:
        """Whether nothing that they sell is shown."""
        return self.suspended or self.gone

    def heard(self, other: Seller) -> Seller:
        """The newer of the two; who is gone stays so."""
        return other if other.version > self.version and not self.gone else self


@dataclass(frozen=True, slots=True)
class Indexed:
    """The words under which a product may be in lists; `whole` if it is under all of them."""

    words: tuple[str, ...] = ()
    whole: bool = False

    def adding(self, words: Iterable[str]) -> Indexed:
        """With some more, each once, under which it may not be yet."""
        return Indexed(tuple(dict.fromkeys((*self.words, *words))))

    def is_just(self, words: Iterable[str]) -> bool:
        """Whether it is under these words and no others."""
        return self.whole and set(self.words) == set(words)


@dataclass(frozen=True, slots=True)
class Reindexed:
    """Which grammar of terms the index of words has, at least."""

    grammar: int


class Store:
    """The documents and lists of catalog."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.shops = service.collection(
            "shop",
            Shop,
            outbox=service.outbox(events.SHOP_CHANGED.topic).publishes(
                "shop", events.SHOP_CHANGED.name, lambda _, data: shop_rules.public(data)
            ),
        )
        self.products = service.collection(
            "product",
            Product,
            outbox=service.outbox(events.PRODUCT_CHANGED.topic).publishes(
                "product", events.PRODUCT_CHANGED.name, lambda _, data: product_rules.public(data)
            ),
        )
        self.stocks = service.collection("stock", Stock)
        self.reservations = service.collection(
            "reservation", Reservation, upgrades={1: reservation_rules.from_1_to_2}
        )
        self.sellers = service.collection("seller", Seller)
        self.intents = service.collection("idempotency", Intent, ttl=KEY_LIFE)
        self.indexed = service.collection("indexed", Indexed)
        self.reindexed = service.collection("reindexed", Reindexed)
        self.owned = SegmentedLists(self.state, "owned")
        self.open = SegmentedLists(self.state, "shops")
        self.made = SegmentedLists(self.state, "made")
        self.offered = SegmentedLists(self.state, "offered")
        self.market = SegmentedLists(self.state, "market", most=MOST_FOUND)
        self.words = SegmentedLists(self.state, "word", most=MOST_FOUND)


def open_in(rows: Mapping[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    """A document among rows that were read, or None."""
    entry = rows.get(collection.key(id))
    doc = collection.decode(entry) if entry else None
    return doc.value if doc else None
