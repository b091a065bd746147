"""The public form of shops, products and stocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.catalog.domain import products as product_rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import ProductRecord
from services.catalog.domain.shops import ShopRecord
from services.catalog.domain.stock import StockRecord


@dataclass(frozen=True, slots=True)
class ProductOffer:
    """A visible product, with the available pieces of each variant if they were read."""

    product: ProductRecord
    available: dict[str, int] | None = None

    def view(self) -> dict[str, Any]:
        """Return the `ProductView`."""
        product = self.product
        return {
            "product": {name: getattr(product, name) for name in product_rules.PUBLIC_FIELDS},
            "version": product.revision,
            "available": self.available,
        }


def shop_view(shop: ShopRecord) -> dict[str, Any]:
    """Return the `ShopView`."""
    return {
        "shop": {name: getattr(shop, name) for name in shop_rules.PUBLIC_FIELDS},
        "version": shop.revision,
    }


def stock_view(variant: str, stock: StockRecord, now: float) -> dict[str, Any]:
    """Return the `contracts.catalog.Stock` of a variant."""
    available = stock.available(now)
    return {
        "variant": variant,
        "on_hand": stock.on_hand,
        "held": stock.on_hand - available,
        "available": available,
        "revision": stock.revision,
    }
