"""What catalog hears: its own news, from which it makes its lists; and what becomes of people.

Every handler is level-triggered, as those of `posts`: it reads the truth, makes the lists agree
with it, and reads the truth again.
"""

from __future__ import annotations

import asyncio

from services.catalog.domain import products as product_rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import ProductRecord
from services.catalog.repository import ALL, IndexedTerms, Repository, SellerStatus
from services.chassis.consuming.events import CloudEvent, PoisonMessage
from services.chassis.errors import Invalid, Unavailable
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window, normalize_id
from services.contracts.events import ACCOUNT_CHANGED, PRODUCT_CHANGED, SHOP_CHANGED

ERASURE_JOB = "clearance"
BATCH_SIZE = 25
"""How many products of somebody who is gone go in one round."""

MAX_ATTEMPTS = 8
"""How often the truth may change under a handler before it asks to be called again later."""


def subscribe(service: Service, store: Repository) -> None:
    """Hear of one's own shops and products, and of people."""
    projections = CatalogProjector(store)
    clearance = SellerErasure(store, projections, JobQueue(service))
    service.on_topic(SHOP_CHANGED.topic, SHOP_CHANGED.producer, projections.on_shop_changed)
    service.on_topic(
        PRODUCT_CHANGED.topic, PRODUCT_CHANGED.producer, projections.on_product_changed
    )
    service.on_topic(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, clearance.on_account_changed)


class CatalogProjector:
    """Makes the lists agree with shops and products."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def on_shop_changed(self, event: CloudEvent) -> None:
        """Seven state calls for a new shop, in the background."""
        if event.type == SHOP_CHANGED.name:
            await self.project_shop(event.subject)

    async def project_shop(self, id: str) -> None:
        """Make the lists agree with a shop; of somebody who is gone, none may stay."""
        for _ in range(MAX_ATTEMPTS):
            shop = await self._store.shops.get(id)
            if shop is None:
                return
            await _set_listed(self._store.shops_by_owner, shop.owner, id, is_in=not shop.deleted)
            is_open = not (shop.archived or shop.deleted)
            await _set_listed(self._store.open_shops, ALL, id, is_in=is_open)
            if not shop.deleted and await self._is_deleted(shop.owner):
                await self._store.shops.update(
                    id, lambda kept: shop_rules.tombstone(kept) if kept else None
                )
            if await self._store.shops.get(id) == shop:
                return
        raise Unavailable(f"The shop {id} keeps changing.")

    async def on_product_changed(self, event: CloudEvent) -> None:
        """Eleven state calls for a new product, and two for each word; in the background."""
        if event.type == PRODUCT_CHANGED.name:
            await self.project_product(event.subject)

    async def project_product(self, id: str) -> None:
        """Make the lists agree with a product; of somebody who is gone, none may stay."""
        for turn in range(MAX_ATTEMPTS):
            product = await self._store.products.get(id)
            if product is None:
                return
            await self._update_lists(product)
            await self._update_index(product, anew=turn > 0)
            if not product.deleted and await self._is_deleted(product.seller):
                await self._store.products.update(
                    id, lambda kept: product_rules.tombstone(kept) if kept else None
                )
            if await self._store.products.get(id) == product:
                return
        raise Unavailable(f"The product {id} keeps changing.")

    async def _update_lists(self, product: ProductRecord) -> None:
        store, id, is_offered = self._store, product.id, product.is_offered
        await _set_listed(store.products_by_shop, product.shop, id, is_in=not product.deleted)
        await _set_listed(store.offered_by_shop, product.shop, id, is_in=is_offered)
        await _set_listed(store.offered_products, ALL, id, is_in=is_offered)

    async def _update_index(self, product: ProductRecord, *, anew: bool) -> None:
        """Where it may be found is noted before it is put there, and until it is taken away.

        Not done again where it is done, unless (`anew`) another may have run into it.
        """
        wanted, id = product.terms, product.id

        def begin(known: IndexedTerms | None) -> IndexedTerms:
            known = known or IndexedTerms()
            return known if known.matches(wanted) and not anew else known.adding(wanted)

        begun = await self._store.indexed_terms.update(id, begin) or IndexedTerms()
        if begun.whole:
            return
        for word in begun.words:
            await _set_listed(self._store.products_by_term, word, id, is_in=word in wanted)
        done = IndexedTerms(tuple(wanted), whole=True)
        await self._store.indexed_terms.update(id, lambda known: done if known == begun else None)

    async def _is_deleted(self, user: str) -> bool:
        seller = await self._store.sellers.get(user)
        return seller is not None and seller.gone


class SellerErasure:
    """What follows when somebody is suspended, or deletes their account."""

    def __init__(self, store: Repository, projections: CatalogProjector, errands: JobQueue) -> None:
        self._store = store
        self._projections = projections
        self._errands = errands
        errands.register(ERASURE_JOB, self.erase_batch)

    async def on_account_changed(self, event: CloudEvent) -> None:
        """Two state calls; what somebody left behind goes in rounds."""
        if event.type != ACCOUNT_CHANGED.name:
            return
        id, profile = _user_id(event.subject), event.data
        gone = profile.get("deleted") is True
        heard = SellerStatus(event.entityversion, bool(profile.get("suspended")), gone)
        await self._store.sellers.update(id, lambda kept: (kept or SellerStatus()).apply(heard))
        if gone:
            await self._errands.enqueue(ERASURE_JOB, id)

    async def erase_batch(self, user: str) -> bool:
        """One round: products first, then their shop. Says whether nothing was left."""
        shops = await self._store.shops_by_owner.page(user, Window(1))
        if not shops:
            return True
        shop = shops[0][0]
        rows = await self._store.products_by_shop.page(shop, Window(BATCH_SIZE))
        await asyncio.gather(*(self._delete_product(row) for row in rows))
        if not rows:
            await self._store.shops.update(
                shop, lambda kept: shop_rules.tombstone(kept) if kept else None
            )
            await self._projections.project_shop(shop)
            await self._store.shops_by_owner.remove(
                user, [shop]
            )  # also the place of one that never was
        return False

    async def _delete_product(self, row: Row) -> None:
        await self._store.products.update(
            row[0], lambda kept: product_rules.tombstone(kept) if kept else None
        )
        await self._projections.project_product(row[0])


async def _set_listed(lists: SegmentedLists, id: str, row: str, *, is_in: bool) -> None:
    if is_in:
        await lists.insert(id, [[row]])
    else:
        await lists.remove(id, [row])


def _user_id(subject: str) -> str:
    try:
        return normalize_id(subject)
    except Invalid as invalid:
        raise PoisonMessage(f"«{subject[:40]}» is not an id.") from invalid
