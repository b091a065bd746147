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
from services.catalog.domain.products import ProductRecord
from services.catalog.domain.reservations import ReservationRecord
from services.catalog.domain.shops import ShopRecord
from services.catalog.domain.stock import StockRecord
from services.chassis.dapr.state import StateEntry
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import events

IDEMPOTENCY_KEY_TTL = 3600
"""For how long, in seconds, an idempotency key is remembered."""

ALL = "all"
MAX_LISTED_PRODUCTS = 5_000
"""How many of the newest products are kept in the lists of the market and of each word."""


@dataclass(frozen=True, slots=True)
class CreationIntent:
    """Which shop or product a request makes, and which variants."""

    id: str
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SellerStatus:
    """How somebody stands, as of a version of their profile."""

    version: int = 0
    suspended: bool = False
    gone: bool = False

    @property
    def is_hidden(self) -> bool:
        """Whether nothing that they sell is shown."""
        return self.suspended or self.gone

    def apply(self, other: SellerStatus) -> SellerStatus:
        """The newer of the two; who is gone stays so."""
        return other if other.version > self.version and not self.gone else self


@dataclass(frozen=True, slots=True)
class IndexedTerms:
    """The words under which a product may be in lists; `whole` if it is under all of them."""

    words: tuple[str, ...] = ()
    whole: bool = False

    def adding(self, words: Iterable[str]) -> IndexedTerms:
        """With some more, each once, under which it may not be yet."""
        return IndexedTerms(tuple(dict.fromkeys((*self.words, *words))))

    def matches(self, words: Iterable[str]) -> bool:
        """Whether it is under these words and no others."""
        return self.whole and set(self.words) == set(words)


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """Which grammar of terms the index of words has, at least."""

    grammar: int


class Repository:
    """The documents and lists of catalog."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.shops = service.collection(
            "shop",
            ShopRecord,
            outbox=service.outbox(events.SHOP_CHANGED.topic).publishes(
                "shop", events.SHOP_CHANGED.name, lambda _, data: shop_rules.to_public(data)
            ),
        )
        self.products = service.collection(
            "product",
            ProductRecord,
            outbox=service.outbox(events.PRODUCT_CHANGED.topic).publishes(
                "product",
                events.PRODUCT_CHANGED.name,
                lambda _, data: product_rules.to_public(data),
            ),
        )
        self.stocks = service.collection("stock", StockRecord)
        self.reservations = service.collection(
            "reservation", ReservationRecord, upgrades={1: reservation_rules.upgrade_from_1}
        )
        self.sellers = service.collection("seller", SellerStatus)
        self.intents = service.collection("idempotency", CreationIntent, ttl=IDEMPOTENCY_KEY_TTL)
        self.indexed_terms = service.collection("indexed", IndexedTerms)
        self.index_version = service.collection("reindexed", IndexVersion)
        self.shops_by_owner = SegmentedLists(self.state, "owned")
        self.open_shops = SegmentedLists(self.state, "shops")
        self.products_by_shop = SegmentedLists(self.state, "made")
        self.offered_by_shop = SegmentedLists(self.state, "offered")
        self.offered_products = SegmentedLists(self.state, "market", most=MAX_LISTED_PRODUCTS)
        self.products_by_term = SegmentedLists(self.state, "word", most=MAX_LISTED_PRODUCTS)


def decode_row(rows: Mapping[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    """A document among rows that were read, or None."""
    entry = rows.get(collection.key(id))
    doc = collection.decode(entry) if entry else None
    return doc.value if doc else None
