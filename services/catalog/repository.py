"""The documents and lists of catalog.

shop:SHOP               a shop; published on `shops`
product:PRODUCT         a product; published on `products`
stock:VARIANT           how many pieces there are, and which orders hold some of them
reservation:ORDER       what an order holds
seller:USER             whether a user is suspended or deleted, as users published it
block:SOURCE:TARGET     whether a user blocks another, as users published it
idempotency:USER:KEY    which shop or product a request creates, for an hour
indexed:PRODUCT         the terms under which a product may be listed
reindexed:all           which grammar of terms all products are indexed with
owned:USER              [shop], all shops of a user
shops:all               [shop], all open shops
made:SHOP               [product], all products of a shop
offered:SHOP            [product], those that are not archived
market:all              [product], the newest offered products of all shops
word:TERM               [product], the newest products with a word or a part of it

The last six are segmented lists, projected from `shop` and `product`
(`application/projections.py`).
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
from services.contracts.accounts import Edge
from services.contracts.events import PRODUCT_CHANGED, SHOP_CHANGED
from services.shared.block_list import BlockState

IDEMPOTENCY_KEY_TTL = 3600
"""Seconds for which an idempotency key is kept."""

ALL = "all"
MAX_LISTED_PRODUCTS = 5_000
"""How many of the newest products the lists of all shops and of each term keep."""


@dataclass(frozen=True, slots=True)
class CreationIntent:
    """The ids that a request assigns to its shop, or to its product and variants."""

    id: str
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SellerStatus:
    """Whether a user is suspended or deleted, as of a version of their profile."""

    version: int = 0
    suspended: bool = False
    gone: bool = False

    @property
    def is_hidden(self) -> bool:
        """Whether none of their shops and products is shown to others."""
        return self.suspended or self.gone

    def apply(self, other: SellerStatus) -> SellerStatus:
        """Return the newer of the two. A deleted user stays deleted."""
        return other if other.version > self.version and not self.gone else self


@dataclass(frozen=True, slots=True)
class IndexedTerms:
    """The terms under which a product may be listed. `whole`: it is listed under all of them."""

    words: tuple[str, ...] = ()
    whole: bool = False

    def adding(self, words: Iterable[str]) -> IndexedTerms:
        """Return the union with some terms, under which it may not be listed yet."""
        return IndexedTerms(tuple(dict.fromkeys((*self.words, *words))))

    def matches(self, words: Iterable[str]) -> bool:
        """Whether it is listed under exactly these terms."""
        return self.whole and set(self.words) == set(words)


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """The grammar of terms with which all products are indexed."""

    grammar: int


class Repository:
    """The documents and lists of catalog."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.shops = service.collection(
            "shop",
            ShopRecord,
            publishes=SHOP_CHANGED,
            to_event=lambda _, data: shop_rules.to_public(data),
        )
        self.products = service.collection(
            "product",
            ProductRecord,
            publishes=PRODUCT_CHANGED,
            to_event=lambda _, data: product_rules.to_public(data),
        )
        self.stocks = service.collection("stock", StockRecord)
        self.reservations = service.collection(
            "reservation", ReservationRecord, upgrades={1: reservation_rules.upgrade_from_1}
        )
        self.sellers = service.collection("seller", SellerStatus)
        self.blocks = service.collection("block", BlockState)
        self.intents = service.collection("idempotency", CreationIntent, ttl=IDEMPOTENCY_KEY_TTL)
        self.indexed_terms = service.collection("indexed", IndexedTerms)
        self.index_version = service.collection("reindexed", IndexVersion)
        self.shops_by_owner = service.lists("owned")
        self.open_shops = service.lists("shops")
        self.products_by_shop = service.lists("made")
        self.offered_by_shop = service.lists("offered")
        self.offered_products = service.lists("market", max_rows=MAX_LISTED_PRODUCTS)
        self.products_by_term = service.lists("word", max_rows=MAX_LISTED_PRODUCTS)

    async def apply_block(self, edge: Edge, version: int) -> None:
        """Store whether an account blocks another. No state call if it never did, else two."""
        if version == 1 and not edge.blocking:
            return
        await self.blocks.update(
            _block_id(edge.source, edge.target),
            lambda kept: (kept or BlockState()).apply(version, blocks=edge.blocking),
        )

    def block_keys(self, viewer: str, sellers: Iterable[str]) -> set[str]:
        """Return the keys of the blocks between a viewer and some sellers, in both directions."""
        others = {seller for seller in sellers if viewer and seller != viewer}
        return {
            self.blocks.key(id)
            for seller in others
            for id in (_block_id(seller, viewer), _block_id(viewer, seller))
        }

    def is_separated(self, viewer: str, seller: str, rows: Mapping[str, StateEntry]) -> bool:
        """Whether a block between two users is among rows that were read together."""
        found = [rows.get(key) for key in self.block_keys(viewer, [seller])]
        states = [self.blocks.decode(entry) for entry in found if entry]
        return any(state is not None and state.value.version > 0 for state in states)

    async def delete_shop(self, id: str) -> None:
        """Replace a shop by its tombstone. Two state calls."""
        await self.shops.update(id, lambda kept: shop_rules.tombstone(kept) if kept else None)

    async def delete_product(self, id: str) -> None:
        """Replace a product by its tombstone. Two state calls."""
        await self.products.update(id, lambda kept: product_rules.tombstone(kept) if kept else None)


def _block_id(source: str, target: str) -> str:
    return f"{source}:{target}"


def decode_row(rows: Mapping[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    """Return a document from rows that were read together, or None."""
    entry = rows.get(collection.key(id))
    doc = collection.decode(entry) if entry else None
    return doc.value if doc else None
