"""Shops and products are made, edited and archived.

The order of making a product: first all that can be refused, then the key's intent decides its id
and those of its variants, then the pictures are claimed for that id and the first stock is put
there, then one compare-and-swap. Whatever dies in between, the same request can be made again, and
makes the product once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.catalog.application.inventory import Inventory
from services.catalog.application.queries import CatalogQueries, normalize_or_missing, shop_view
from services.catalog.domain import products as product_rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import ProductDraft, ProductRecord, VariantRecord
from services.catalog.domain.shops import ShopEdit, ShopRecord, check_revision
from services.catalog.domain.stock import StockAdjustment, StockRecord
from services.catalog.repository import CreationIntent, Repository
from services.chassis.claims import claim
from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Conflict, Invalid, PreconditionRequired
from services.chassis.http.preconditions import Condition
from services.chassis.idempotency import digest, fingerprint, first_intent
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.storage.list_head import ListFull
from services.contracts import limits
from services.contracts.catalog import (
    EditedProduct,
    EditedShop,
    EditedVariant,
    NewProduct,
    NewShop,
    StockChange,
)

_CREATION_TIMEOUT = timedelta(minutes=1)
"""After that, a shop that was to be made is there, or never will be."""


class ProductService:
    """Makes and changes shops, products and stock. `ids`, `moment` and `now` are the clock."""

    def __init__(
        self,
        store: Repository,
        views: CatalogQueries,
        warehouse: Inventory,
        sidecar: DaprClient,
        *,
        ids: Callable[[], str],
        moment: Callable[[str], str],
        now: Callable[[], str],
    ) -> None:
        self._store = store
        self._views = views
        self._warehouse = warehouse
        self._sidecar = sidecar
        self._ids = ids
        self._moment = moment
        self._now = now

    # ── shops ───────────────────────────────────────────────────────────────────────────────

    async def create_shop(self, new: NewShop, caller: Caller) -> dict[str, Any]:
        """Open a shop; the `ShopView` of it. Four state calls, with an idempotency key five."""

        def shop(id: str) -> ShopRecord:
            return shop_rules.create_shop(
                id=id,
                owner=caller.user_id,
                name=new.name,
                description=new.description,
                currency=new.currency,
                now=self._moment(id),
                fingerprint=fingerprint(new) if new.idempotency_key else "",
            )

        intent = CreationIntent(self._ids())
        shop(intent.id)
        id = (
            await first_intent(self._store.intents, caller.user_id, new.idempotency_key, intent)
        ).id
        try:
            await self._list_shop(caller.user_id, id)
        except ListFull as full:
            message = f"One can have at most {limits.SHOPS} shops."
            raise Conflict(message, code="too_many_shops") from full
        made = await self._store.shops.update(
            id, lambda kept: shop_rules.create_once(kept, shop(id)), fresh=True
        )
        return shop_view(made or shop(id))

    async def _list_shop(self, user: str, shop: str) -> None:
        """Put a shop into the list of its owner's, which has so many places, before it is there.

        So of two at once the last place is one's. Who died in between left a place to nothing: it
        is given back when it is needed. Raises `ListFull`.
        """
        owned = self._store.shops_by_owner
        try:
            await owned.insert(user, [[shop]], room=limits.SHOPS)
        except ListFull:
            ids = [row[0] for row in await owned.all(user)]
            there = await self._store.shops.get_many(ids)
            now = self._now()
            await owned.remove(
                user, [id for id in ids if id not in there and _is_abandoned(id, now)]
            )
            await owned.insert(user, [[shop]], room=limits.SHOPS)

    async def edit_shop(
        self, id: str, wanted: EditedShop, seen: Condition | None, caller: Caller
    ) -> dict[str, Any]:
        """Edit, close or open a shop; the `ShopView` of it. Two state calls."""
        id, base = normalize_or_missing(id, shop_rules.shop_not_found), _require_condition(seen)
        edit, now = ShopEdit(wanted.name, wanted.description, wanted.archived), self._now()
        made = await self._store.shops.update(
            id,
            lambda kept: shop_rules.edit(kept, edit, user=caller.user_id, seen=base, now=now),
        )
        return shop_view(shop_rules.require_own(made, caller.user_id))

    # ── products ────────────────────────────────────────────────────────────────────────────

    async def create_product(self, new: NewProduct, caller: Caller) -> dict[str, Any]:
        """Make a product; the `ProductView` of it. Five state calls and one for each variant."""
        intent = CreationIntent(self._ids(), tuple(self._ids() for _ in new.variants))
        _draft(new, intent)
        shop = shop_rules.require_own(
            await self._store.shops.get(normalize_or_missing(new.shop, shop_rules.shop_not_found)),
            caller.user_id,
        )
        intent = await first_intent(
            self._store.intents, caller.user_id, new.idempotency_key, intent
        )
        if len(intent.variants) != len(new.variants):
            raise Invalid("This idempotency key was used for something else.", code="key_reused")
        draft = _draft(new, intent)
        product = product_rules.create_product(
            draft,
            shop,
            id=intent.id,
            now=self._moment(intent.id),
            pictures=await claim(self._sidecar, intent.id, draft.pictures, caller),
            fingerprint=fingerprint(new) if new.idempotency_key else "",
        )
        for variant, wanted in zip(intent.variants, new.variants, strict=True):
            await self._warehouse.create_stock(variant, wanted.stock)
        await self._store.products.update(
            product.id, lambda kept: product_rules.create_once(kept, product), fresh=True
        )
        return (await self._views.product(product.id, caller.user_id)).view()

    async def edit_product(
        self, id: str, wanted: EditedProduct, seen: Condition | None, caller: Caller
    ) -> dict[str, Any]:
        """Edit, archive or bring back a product; the `ProductView` of it. Five state calls.

        The edit builds on the revision that is read here, whichever of several the caller allows.
        """
        id, base, now = (
            normalize_or_missing(id, product_rules.product_not_found),
            _require_condition(seen),
            self._now(),
        )
        product = product_rules.require_own(await self._store.products.get(id), caller.user_id)
        check_revision(product.revision, base)
        draft = self._edited_draft(product, wanted)
        pictures = product.pictures
        if wanted.media_ids is not None:
            pictures = await claim(self._sidecar, id, draft.pictures, caller)
        archived = product.archived if wanted.archived is None else wanted.archived
        await self._store.products.update(
            id,
            lambda kept: product_rules.edit(
                kept,
                draft,
                archived=archived,
                pictures=pictures,
                user=caller.user_id,
                seen=(product.revision,),
                now=now,
            ),
        )
        return (await self._views.product(id, caller.user_id)).view()

    def _edited_draft(self, product: ProductRecord, wanted: EditedProduct) -> ProductDraft:
        """The whole of what a product is to be. Raises `Invalid`."""
        variants = product.variants
        if wanted.variants is not None:
            variants = tuple(self._edited_variant(product, one) for one in wanted.variants)
        return ProductDraft.of(
            product.title if wanted.title is None else wanted.title,
            product.description if wanted.description is None else wanted.description,
            [one.id for one in product.pictures] if wanted.media_ids is None else wanted.media_ids,
            variants,
        )

    def _edited_variant(self, product: ProductRecord, wanted: EditedVariant) -> VariantRecord:
        if wanted.id is None:
            return VariantRecord(self._ids(), wanted.name, wanted.price)
        if product.variant(wanted.id) is None:
            raise Invalid("A variant of the product is not there. Leave out the id of a new one.")
        return VariantRecord(wanted.id, wanted.name, wanted.price)

    # ── stock ───────────────────────────────────────────────────────────────────────────────

    async def product_stock(self, id: str, caller: Caller) -> list[dict[str, Any]]:
        """How much there is of one's own product: a `Stock` of each variant. Two state calls."""
        product = await self._own_product(id, caller)
        stocks = await self._store.stocks.get_many([one.id for one in product.variants])
        return [
            self._warehouse.stock_view(one.id, stocks.get(one.id, StockRecord()))
            for one in product.variants
        ]

    async def adjust_stock(
        self,
        id: str,
        variant: str,
        change: StockChange,
        caller: Caller,
        seen: Condition | None = None,
    ) -> dict[str, Any]:
        """Say how much there is of a variant; the `Stock` of it. Three state calls.

        The number itself only by whoever has seen what it was: sales may have changed it.
        """
        if (change.on_hand is None) == (change.delta is None):
            raise Invalid("Say either how many pieces there are, or how many more or fewer.")
        if change.revision is not None:
            seen = Condition.on(change.revision)
        if change.on_hand is not None:
            _require_condition(seen)
        product = await self._own_product(id, caller)
        if product.variant(variant) is None:
            raise product_rules.product_not_found()
        counted = StockAdjustment(
            change.on_hand,
            change.delta,
            seen,
            digest(change.idempotency_key)[:16] if change.idempotency_key else "",
        )
        return self._warehouse.stock_view(variant, await self._warehouse.adjust(variant, counted))

    async def _own_product(self, id: str, caller: Caller) -> ProductRecord:
        id = normalize_or_missing(id, product_rules.product_not_found)
        return product_rules.require_own(await self._store.products.get(id), caller.user_id)


def _draft(new: NewProduct, intent: CreationIntent) -> ProductDraft:
    variants = [
        VariantRecord(id, wanted.name, wanted.price)
        for id, wanted in zip(intent.variants, new.variants, strict=True)
    ]
    return ProductDraft.of(new.title, new.description, new.media_ids, variants)


def _is_abandoned(id: str, now: str) -> bool:
    """Whether what has this id would be there by now, if it ever came to be."""
    return timestamp(id_time(id) + _CREATION_TIMEOUT) < now


def _require_condition(seen: Condition | None) -> Condition:
    if seen is None or seen.match is None:
        raise PreconditionRequired("Say which version you have read: send its ETag in If-Match.")
    return seen
