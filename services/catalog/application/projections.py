"""Updates the lists and the search index to match shops and products.

Projections are level-triggered: each reads the document, updates the lists to match it, and reads
it again.
"""

from __future__ import annotations

from services.catalog.domain.products import ProductRecord
from services.catalog.domain.shops import ShopRecord
from services.catalog.repository import ALL, IndexedTerms, Repository
from services.chassis.converge import converge
from services.chassis.storage.segmented_list import SegmentedLists


class CatalogProjector:
    """Updates the lists to match shops and products."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def project_shop(self, id: str) -> None:
        """Update the lists of a shop, and delete it if its owner is deleted.

        Seven state calls for a new shop.
        """

        async def apply(shop: ShopRecord) -> None:
            lists, is_open = self._repository, not (shop.archived or shop.deleted)
            await _set_listed(lists.shops_by_owner, shop.owner, id, listed=not shop.deleted)
            await _set_listed(lists.open_shops, ALL, id, listed=is_open)
            if not shop.deleted and await self._is_deleted(shop.owner):
                await self._repository.delete_shop(id)

        await converge(lambda: self._repository.shops.get(id), apply, what=f"The shop {id}")

    async def project_product(self, id: str) -> None:
        """Update the lists and the index of a product, and delete it if its seller is deleted.

        Eleven state calls for a new product, and two for each term.
        """
        is_repeat = False

        async def apply(product: ProductRecord) -> None:
            nonlocal is_repeat
            await self._update_lists(product)
            await self._update_index(product, force=is_repeat)
            is_repeat = True
            if not product.deleted and await self._is_deleted(product.seller):
                await self._repository.delete_product(id)

        await converge(lambda: self._repository.products.get(id), apply, what=f"The product {id}")

    async def _update_lists(self, product: ProductRecord) -> None:
        repository, id, is_offered = self._repository, product.id, product.is_offered
        by_shop = repository.products_by_shop
        await _set_listed(by_shop, product.shop, id, listed=not product.deleted)
        await _set_listed(repository.offered_by_shop, product.shop, id, listed=is_offered)
        await _set_listed(repository.offered_products, ALL, id, listed=is_offered)

    async def _update_index(self, product: ProductRecord, *, force: bool) -> None:
        """List a product under its terms, and under no others.

        The terms are recorded before the product is listed, and until it is removed. An index
        that is up to date is not updated again, unless (`force`) another process may have changed
        it.
        """
        terms, id = product.terms, product.id

        def begin(known: IndexedTerms | None) -> IndexedTerms:
            known = known or IndexedTerms()
            return known if known.matches(terms) and not force else known.adding(terms)

        begun = await self._repository.indexed_terms.update(id, begin) or IndexedTerms()
        if begun.whole:
            return
        for term in begun.words:
            await _set_listed(self._repository.products_by_term, term, id, listed=term in terms)
        done = IndexedTerms(tuple(terms), whole=True)
        await self._repository.indexed_terms.update(
            id, lambda known: done if known == begun else None
        )

    async def _is_deleted(self, user: str) -> bool:
        seller = await self._repository.sellers.get(user)
        return seller is not None and seller.gone


async def _set_listed(lists: SegmentedLists, id: str, row: str, *, listed: bool) -> None:
    if listed:
        await lists.insert(id, [[row]])
    else:
        await lists.remove(id, [row])
