"""Reads shops and products. Visibility is decided here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import FIFOCache

from services.catalog.application.views import ProductOffer, shop_view
from services.catalog.domain.products import NO_SUCH_PRODUCT, ProductRecord, product_not_found
from services.catalog.domain.shops import NO_SUCH_SHOP, ShopRecord, shop_not_found
from services.catalog.repository import ALL, Repository, SellerStatus, decode_row
from services.chassis.dapr.state import StateEntry
from services.chassis.storage.window import Window, normalize_id, normalize_or_missing

_MAX_CACHED_PRODUCTS = 10_000
"""For how many products a process remembers the keys of related documents."""


@dataclass(frozen=True, slots=True)
class RelatedKeys:
    """The keys of the documents that decide who may see a product, and of its stocks."""

    seller: str
    visibility: tuple[str, ...]
    stocks: tuple[str, ...]

    def keys(self, stock: bool) -> tuple[str, ...]:
        return (*self.visibility, *self.stocks) if stock else self.visibility


class CatalogReader:
    """Reads shops and products that a viewer may see. `now` returns seconds since 1970."""

    def __init__(self, repository: Repository, *, now: Callable[[], float]) -> None:
        self._repository = repository
        self._now = now
        self._related: FIFOCache[str, RelatedKeys] = FIFOCache(_MAX_CACHED_PRODUCTS)

    # ── shops ───────────────────────────────────────────────────────────────────────────────

    async def shop(self, id: str, viewer: str) -> ShopRecord:
        """Return a shop. Raises `NotFound`. Two state calls."""
        id = normalize_or_missing(id, NO_SUCH_SHOP)
        shops = await self._visible_shops([id], viewer)
        if id not in shops:
            raise shop_not_found()
        return shops[id]

    async def shops(self, owner: str, window: Window, viewer: str) -> dict[str, Any]:
        """Return a user's shops, or everybody's, as a `ShopList`. Three or four state calls."""
        repository = self._repository
        if owner:
            lists, id = repository.shops_by_owner, normalize_id(owner)
        else:
            lists, id = repository.open_shops, ALL
        rows = await lists.page(id, window)
        shops = await self._visible_shops([row[0] for row in rows], viewer)
        views = [shop_view(shop) for shop in shops.values()]
        return {"shops": views, "last": window.next_cursor(rows)}

    async def _visible_shops(self, ids: Sequence[str], viewer: str) -> dict[str, ShopRecord]:
        repository = self._repository
        found = await repository.shops.get_many(ids)
        owners = {shop.owner for shop in found.values()}
        keys = {repository.sellers.key(owner) for owner in owners}
        rows = await repository.state.get_many(sorted(keys | repository.block_keys(viewer, owners)))
        return {
            id: found[id]
            for id in ids
            if id in found and self._is_shop_visible(found[id], rows, viewer)
        }

    # ── products ────────────────────────────────────────────────────────────────────────────

    async def product(self, id: str, viewer: str) -> ProductOffer:
        """Return a product. Raises `NotFound`. Two state calls."""
        id = normalize_or_missing(id, NO_SUCH_PRODUCT)
        offers = await self.products([id], viewer)
        if id not in offers:
            raise product_not_found()
        return offers[id]

    async def products(
        self, ids: Sequence[str], viewer: str, *, stock: bool = True
    ) -> dict[str, ProductOffer]:
        """Return those of the products that the viewer may see, in the given order.

        One state call if the related keys of all are cached, else two: related keys seldom change.
        """
        repository, ids = self._repository, list(dict.fromkeys(ids))
        asked = {repository.products.key(id) for id in ids}
        for related in [self._related[id] for id in ids if id in self._related]:
            asked |= {*related.keys(stock), *repository.block_keys(viewer, [related.seller])}
        rows = await repository.state.get_many(sorted(asked))
        read = {id: decode_row(rows, repository.products, id) for id in ids}
        found: dict[str, ProductRecord] = {
            id: one for id, one in read.items() if one and not one.deleted
        }
        needed = {key for one in found.values() for key in self._remember_related(one).keys(stock)}
        needed |= repository.block_keys(viewer, [one.seller for one in found.values()])
        rows |= await repository.state.get_many(sorted(needed - asked))
        return {
            id: ProductOffer(product, self._available(product, rows) if stock else None)
            for id, product in found.items()
            if self._is_visible(product, rows, viewer)
        }

    def _remember_related(self, product: ProductRecord) -> RelatedKeys:
        """Cache the keys of related documents, to be read together with the product next time."""
        repository = self._repository
        related = RelatedKeys(
            product.seller,
            (repository.shops.key(product.shop), repository.sellers.key(product.seller)),
            tuple(repository.stocks.key(variant.id) for variant in product.variants),
        )
        self._related[product.id] = related
        return related

    def _available(self, product: ProductRecord, rows: Mapping[str, StateEntry]) -> dict[str, int]:
        now, stocks = self._now(), self._repository.stocks
        found = {one.id: decode_row(rows, stocks, one.id) for one in product.variants}
        return {id: stock.available(now) if stock else 0 for id, stock in found.items()}

    def _is_visible(
        self, product: ProductRecord, rows: Mapping[str, StateEntry], viewer: str
    ) -> bool:
        if product.deleted:
            return False
        if product.seller == viewer:
            return True
        repository = self._repository
        shop: ShopRecord | None = decode_row(rows, repository.shops, product.shop)
        seller = decode_row(rows, repository.sellers, product.seller) or SellerStatus()
        is_open = shop is not None and not (shop.archived or shop.deleted)
        is_hidden = seller.is_hidden or repository.is_separated(viewer, product.seller, rows)
        return product.is_offered and is_open and not is_hidden

    def _is_shop_visible(
        self, shop: ShopRecord, rows: Mapping[str, StateEntry], viewer: str
    ) -> bool:
        if shop.deleted or shop.owner == viewer:
            return not shop.deleted
        repository = self._repository
        seller = decode_row(rows, repository.sellers, shop.owner) or SellerStatus()
        is_separated = repository.is_separated(viewer, shop.owner, rows)
        return not (shop.archived or seller.is_hidden or is_separated)
