"""Quotes prices, and checks prices that were agreed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.catalog.application.queries import CatalogReader
from services.catalog.application.views import ProductOffer
from services.chassis.errors import Conflict, NotFound
from services.chassis.storage.window import normalize_id
from services.contracts.catalog import AgreedPrice, QuoteItem


class QuoteService:
    """Quotes current prices."""

    def __init__(self, queries: CatalogReader) -> None:
        self._queries = queries

    async def quote(self, items: Sequence[QuoteItem], viewer: str) -> dict[str, Any]:
        """Return what the items cost now, as a `Quote`. Costs as `CatalogReader.products`.

        Raises `NotFound` (`not_sold`) with the variants that are not sold, or not any more.
        """
        ids = list(dict.fromkeys(normalize_id(item.product) for item in items))
        offers = await self._queries.products(ids, viewer)
        lines = [
            _quote_line(
                offers.get(normalize_id(item.product)), normalize_id(item.variant), item.quantity
            )
            for item in items
        ]
        missing = [item.variant for item, line in zip(items, lines, strict=True) if line is None]
        if missing:
            message = "Some of these products are not sold any more."
            raise NotFound(message, code="not_sold", variants=missing)
        return {"lines": lines}

    async def check_prices(self, agreed: Sequence[AgreedPrice]) -> None:
        """Check that the prices are still those that were agreed on. Costs as `quote`.

        Raises `NotFound` (`not_sold`), or `Conflict` (`price_changed`) with the variants that
        cost something else.
        """
        items = [QuoteItem(product=one.product, variant=one.variant) for one in agreed]
        lines = (await self.quote(items, ""))["lines"]
        changed = [
            line["variant"]
            for line, one in zip(lines, agreed, strict=True)
            if (line["price"], line["currency"]) != (one.price, one.currency)
        ]
        if changed:
            raise Conflict("The price has changed.", code="price_changed", variants=changed)


def _quote_line(
    offer: ProductOffer | None, variant_id: str, quantity: int
) -> dict[str, Any] | None:
    """Return a `QuoteLine`, or None if the variant is not sold. Archived products are not."""
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
