"""What people see of shops and products: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.catalog.domain import products as product_rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import ProductRecord, product_not_found
from services.catalog.domain.shops import ShopRecord, shop_not_found
from services.catalog.domain.stock import StockRecord
from services.catalog.repository import ALL, Repository, SellerStatus, decode_row
from services.chassis.dapr.state import StateEntry
from services.chassis.errors import Conflict, Forbidden, Invalid, NotFound
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Window, normalize_id
from services.shared.words import sought, words

_MAX_CACHED_PRODUCTS = 10_000
"""Of how many products a process remembers what lies around them."""

MAX_SEARCH_WORDS = 5
"""Words of a search that count."""

MAX_PAGES_SCANNED = 5
"""How many pages of a list are looked through for what is to be shown."""


@dataclass(frozen=True, slots=True)
class ProductOffer:
    """A product as somebody may see it, with the pieces left of each variant if asked for."""

    product: ProductRecord
    available: dict[str, int] | None = None

    def view(self) -> dict[str, Any]:
        """The `ProductView`."""
        product = self.product
        return {
            "product": {name: getattr(product, name) for name in product_rules.PUBLIC_FIELDS},
            "version": product.revision,
            "available": self.available,
        }


def shop_view(shop: ShopRecord) -> dict[str, Any]:
    """The `ShopView`."""
    return {
        "shop": {name: getattr(shop, name) for name in shop_rules.PUBLIC_FIELDS},
        "version": shop.revision,
    }


@dataclass(frozen=True, slots=True)
class RelatedKeys:
    """The keys of what decides how a product is seen, and of the stocks of its variants."""

    visibility: tuple[str, ...]
    stocks: tuple[str, ...]

    def keys(self, stock: bool) -> tuple[str, ...]:
        return (*self.visibility, *self.stocks) if stock else self.visibility


class CatalogQueries:
    """Reads shops and products as somebody may see them. `now` is the clock."""

    def __init__(self, store: Repository, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._related: dict[str, RelatedKeys] = {}

    # ── shops ───────────────────────────────────────────────────────────────────────────────

    async def shop(self, id: str, viewer: str) -> ShopRecord:
        """A shop. Raises `NotFound`. Two state calls."""
        id = normalize_or_missing(id, shop_not_found)
        shops = await self._shops([id], viewer)
        if id not in shops:
            raise shop_not_found()
        return shops[id]

    async def shops(self, owner: str, window: Window, viewer: str) -> dict[str, Any]:
        """Somebody's shops, or everybody's: the `ShopList`. Three or four state calls."""
        lists, id = (
            (self._store.shops_by_owner, normalize_id(owner))
            if owner
            else (self._store.open_shops, ALL)
        )
        rows = await lists.page(id, window)
        shops = await self._shops([row[0] for row in rows], viewer)
        views = [shop_view(shop) for shop in shops.values()]
        return {"shops": views, "last": window.next_cursor(rows)}

    async def _shops(self, ids: Sequence[str], viewer: str) -> dict[str, ShopRecord]:
        found = await self._store.shops.get_many(ids)
        sellers = await self._store.sellers.get_many({shop.owner for shop in found.values()})
        return {
            id: found[id]
            for id in ids
            if id in found and _is_shop_visible(found[id], sellers, viewer)
        }

    # ── products ────────────────────────────────────────────────────────────────────────────

    async def product(self, id: str, viewer: str) -> ProductOffer:
        """A product. Raises `NotFound`. Two state calls."""
        id = normalize_or_missing(id, product_not_found)
        offers = await self.products([id], viewer)
        if id not in offers:
            raise product_not_found()
        return offers[id]

    async def products(
        self, ids: Sequence[str], viewer: str, *, stock: bool = True
    ) -> dict[str, ProductOffer]:
        """Those of some products that somebody may see, in that order. One or two state calls.

        What lies around a product seldom changes, so it is read with it; what is new, afterwards.
        """
        store, ids = self._store, list(dict.fromkeys(ids))
        asked = {store.products.key(id) for id in ids}
        asked |= {key for id in ids if id in self._related for key in self._related[id].keys(stock)}
        rows = await store.state.get_many(sorted(asked))
        read = {id: decode_row(rows, store.products, id) for id in ids}
        found: dict[str, ProductRecord] = {
            id: one for id, one in read.items() if one and not one.deleted
        }
        needed = {key for one in found.values() for key in self._remember_related(one).keys(stock)}
        rows |= await store.state.get_many(sorted(needed - asked))
        return {
            id: ProductOffer(product, self._available(product, rows) if stock else None)
            for id, product in found.items()
            if self._is_visible(product, rows, viewer)
        }

    async def shop_products(
        self, shop: str, window: Window, viewer: str, *, archived: bool
    ) -> dict[str, Any]:
        """What a shop offers, to its owner also what is archived: the `ProductList`.

        Six state calls at most, and as many more for each page of what is not shown.
        """
        if not archived:
            return await self._scan(self._store.offered_by_shop, normalize_id(shop), window, viewer)
        if (await self.shop(shop, viewer)).owner != viewer:
            raise Forbidden("What a shop has archived is shown to its owner only.")
        return await self._scan(
            self._store.products_by_shop,
            normalize_id(shop),
            window,
            viewer,
            lambda product: product.archived,
        )

    async def all_products(self, window: Window, viewer: str) -> dict[str, Any]:
        """What everybody offers, newest first: the `ProductList`. Costs as `shelf`."""
        return await self._scan(self._store.offered_products, ALL, window, viewer)

    async def search(self, text: str, shop: str, window: Window, viewer: str) -> dict[str, Any]:
        """What has all of some words: the `ProductList`. One state call more than `shelf`.

        Looks through the list of the rarest term, a bounded part of it at a time.
        """
        asked = words(text)[:MAX_SEARCH_WORDS]
        terms = [term for word in asked for term in sought(word)]
        heads = await self._store.products_by_term.heads.get_many(terms)
        if not terms or any(term not in heads for term in terms):
            return {"products": [], "last": ""}
        rarest = min(terms, key=lambda term: heads[term].total)
        within = normalize_id(shop) if shop else ""

        def wanted(product: ProductRecord) -> bool:
            return within in ("", product.shop) and product.matches(asked)

        return await self._scan(self._store.products_by_term, rarest, window, viewer, wanted)

    async def _scan(
        self,
        lists: SegmentedLists,
        id: str,
        window: Window,
        viewer: str,
        wanted: Callable[[ProductRecord], bool] = lambda product: product.is_offered,
    ) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        last = ""
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.page(id, window)
            offers = await self.products([row[0] for row in rows], viewer)
            for last, *_rest in rows:
                if last in offers and wanted(offers[last].product):
                    found.append(offers[last].view())
                if len(found) == window.limit:
                    return {"products": found, "last": last}
            if len(rows) < window.limit:
                return {"products": found, "last": ""}
            window = replace(window, max_id=last)
        return {"products": found, "last": last}

    # ── prices ──────────────────────────────────────────────────────────────────────────────

    async def quote(self, items: Sequence[tuple[str, str, int]], viewer: str) -> dict[str, Any]:
        """What some pieces cost now: the `Quote`. One state call, two for what is new here.

        Raises `NotFound` (`not_sold`) with the variants that are not sold, or not any more.
        """
        ids = list(dict.fromkeys(normalize_id(product) for product, _, _ in items))
        offers = await self.products(ids, viewer)
        lines = [
            _quote_line(offers.get(normalize_id(p)), normalize_id(v), quantity)
            for p, v, quantity in items
        ]
        missing = [item[1] for item, line in zip(items, lines, strict=True) if line is None]
        if missing:
            raise NotFound("Some of it is not sold any more.", code="not_sold", variants=missing)
        return {"lines": lines}

    async def check_prices(self, agreed: Sequence[tuple[str, str, int, str]]) -> None:
        """See that prices are still what was agreed on: products, variants, prices, currencies.

        One state call, as `quote`. Raises `NotFound` (`not_sold`), or `Conflict` (`price_changed`)
        with the variants that cost something else.
        """
        now = (await self.quote([(p, v, 1) for p, v, *_ in agreed], ""))["lines"]
        changed = [
            line["variant"]
            for line, (*_, price, currency) in zip(now, agreed, strict=True)
            if (line["price"], line["currency"]) != (price, currency)
        ]
        if changed:
            raise Conflict("The price has changed.", code="price_changed", variants=changed)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    def _remember_related(self, product: ProductRecord) -> RelatedKeys:
        """What lies around a product, to be read with it the next time."""
        store = self._store
        around = RelatedKeys(
            (store.shops.key(product.shop), store.sellers.key(product.seller)),
            tuple(store.stocks.key(variant.id) for variant in product.variants),
        )
        self._related[product.id] = around
        if len(self._related) > _MAX_CACHED_PRODUCTS:
            del self._related[next(iter(self._related))]
        return around

    def _available(self, product: ProductRecord, rows: Mapping[str, StateEntry]) -> dict[str, int]:
        now = self._now()
        stocks = {one.id: decode_row(rows, self._store.stocks, one.id) for one in product.variants}
        return {id: (stock or StockRecord()).available(now) for id, stock in stocks.items()}

    def _is_visible(
        self, product: ProductRecord, rows: Mapping[str, StateEntry], viewer: str
    ) -> bool:
        if product.deleted:
            return False
        if product.seller == viewer:
            return True
        shop: ShopRecord | None = decode_row(rows, self._store.shops, product.shop)
        seller: SellerStatus = (
            decode_row(rows, self._store.sellers, product.seller) or SellerStatus()
        )
        is_open = shop is not None and not (shop.archived or shop.deleted)
        return product.is_offered and is_open and not seller.is_hidden


def _is_shop_visible(shop: ShopRecord, sellers: Mapping[str, SellerStatus], viewer: str) -> bool:
    if shop.deleted:
        return False
    is_hidden = shop.archived or sellers.get(shop.owner, SellerStatus()).is_hidden
    return shop.owner == viewer or not is_hidden


def _quote_line(
    offer: ProductOffer | None, variant_id: str, quantity: int
) -> dict[str, Any] | None:
    """A `QuoteLine`; also to its seller only of what is sold."""
    variant = offer.product.variant(variant_id) if offer else None
    if offer is None or variant is None or offer.product.archived:
        return None
    product = offer.product
    return {
        "product": product.id,
        "variant": variant.id,
        "title": product.title,
        "name": variant.name,
        "quantity": quantity,
        "price": variant.price,
        "currency": product.currency,
        "available": (offer.available or {})[variant.id],
        "shop": product.shop,
        "seller": product.seller,
        "picture": product.pictures[0] if product.pictures else None,
    }


def normalize_or_missing(id: str, missing: Callable[[], NotFound]) -> str:
    """An id in a path, as it is kept. Raises `NotFound` for what cannot be one."""
    try:
        return normalize_id(id)
    except Invalid:
        raise missing() from None
