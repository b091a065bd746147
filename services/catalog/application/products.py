"""Creates and edits products.

The order in which a product is created: all checks first; then the intent of the idempotency key
fixes the ids of the product and its variants; then the pictures are claimed and the first stock is
created under these ids; last, one compare-and-set creates the product. If the process dies in
between, the same request can be sent again, and creates the product once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.catalog.application.access import require_condition
from services.catalog.application.inventory import Inventory
from services.catalog.application.queries import CatalogReader
from services.catalog.domain import products as rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import (
    NO_SUCH_PRODUCT,
    ProductDraft,
    ProductRecord,
    VariantRecord,
)
from services.catalog.domain.shops import NO_SUCH_SHOP
from services.catalog.repository import CreationIntent, Repository
from services.chassis.errors import Invalid
from services.chassis.http.preconditions import Condition
from services.chassis.idempotency import fingerprint, first_intent
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.storage.window import normalize_or_missing
from services.clients.media import MediaClient
from services.contracts.catalog import EditedProduct, EditedVariant, NewProduct


class ProductService:
    """Creates and edits products. `ids` generates ids, `now` returns the current time."""

    def __init__(
        self,
        repository: Repository,
        queries: CatalogReader,
        inventory: Inventory,
        media: MediaClient,
        *,
        ids: Callable[[], str],
        now: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._inventory = inventory
        self._media = media
        self._ids = ids
        self._now = now

    async def create(self, new: NewProduct, caller: Caller) -> dict[str, Any]:
        """Create a product and return its `ProductView`.

        Five state calls and one for each variant.
        """
        intent = CreationIntent(self._ids(), tuple(self._ids() for _ in new.variants))
        _new_draft(new, intent)
        shop_id = normalize_or_missing(new.shop, NO_SUCH_SHOP)
        shop = shop_rules.require_own(await self._repository.shops.get(shop_id), caller.user_id)
        intents = self._repository.intents
        intent = await first_intent(intents, caller.user_id, new.idempotency_key, intent)
        if len(intent.variants) != len(new.variants):
            raise Invalid("This idempotency key was used for another request.", code="key_reused")
        draft = _new_draft(new, intent)
        product = rules.create_product(
            draft,
            shop,
            id=intent.id,
            now=timestamp(id_time(intent.id)),
            pictures=await self._media.claim(intent.id, draft.pictures, caller),
            fingerprint=fingerprint(new) if new.idempotency_key else "",
        )
        for variant, wanted in zip(intent.variants, new.variants, strict=True):
            await self._inventory.create_stock(variant, wanted.stock)
        await self._repository.products.update(
            product.id, lambda kept: rules.create_once(kept, product), expect_absent=True
        )
        return (await self._queries.product(product.id, caller.user_id)).view()

    async def edit(
        self, id: str, wanted: EditedProduct, seen: Condition | None, caller: Caller
    ) -> dict[str, Any]:
        """Edit, archive or restore a product and return its `ProductView`. Five state calls.

        The edit builds on the revision that is read here, whichever of several the caller allows.
        """
        id, base = normalize_or_missing(id, NO_SUCH_PRODUCT), require_condition(seen)
        now = self._now()
        product = rules.require_own(await self._repository.products.get(id), caller.user_id)
        shop_rules.check_revision(product.revision, base)
        draft = self._edited_draft(product, wanted)
        pictures = product.pictures
        if wanted.media_ids is not None:
            pictures = await self._media.claim(id, draft.pictures, caller)
        archived = product.archived if wanted.archived is None else wanted.archived
        await self._repository.products.update(
            id,
            lambda kept: rules.edit(
                kept,
                draft,
                archived=archived,
                pictures=pictures,
                user=caller.user_id,
                seen=(product.revision,),
                now=now,
            ),
        )
        return (await self._queries.product(id, caller.user_id)).view()

    def _edited_draft(self, product: ProductRecord, wanted: EditedProduct) -> ProductDraft:
        """Return the whole content of the edited product. Raises `Invalid`."""
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
            raise Invalid("The product has no variant with this id. Omit the id of a new variant.")
        return VariantRecord(wanted.id, wanted.name, wanted.price)


def _new_draft(new: NewProduct, intent: CreationIntent) -> ProductDraft:
    variants = [
        VariantRecord(id, wanted.name, wanted.price)
        for id, wanted in zip(intent.variants, new.variants, strict=True)
    ]
    return ProductDraft.of(new.title, new.description, new.media_ids, variants)
