"""Shows and adjusts the stock of a seller's own products."""

from __future__ import annotations

from typing import Any

from services.catalog.application.access import require_condition
from services.catalog.application.inventory import Inventory
from services.catalog.domain import products as rules
from services.catalog.domain.products import NO_SUCH_PRODUCT, ProductRecord
from services.catalog.domain.stock import StockAdjustment, StockRecord
from services.catalog.repository import Repository
from services.chassis.errors import Invalid
from services.chassis.http.preconditions import Condition
from services.chassis.idempotency import digest
from services.chassis.security.caller import Caller
from services.chassis.storage.window import normalize_or_missing
from services.contracts.catalog import StockChange


class StockService:
    """Shows and adjusts the stock of a seller's own products."""

    def __init__(self, repository: Repository, inventory: Inventory) -> None:
        self._repository = repository
        self._inventory = inventory

    async def list_stock(self, id: str, caller: Caller) -> list[dict[str, Any]]:
        """Return the `Stock` of each variant of a product. Two state calls."""
        product = await self._own_product(id, caller)
        stocks = await self._repository.stocks.get_many([one.id for one in product.variants])
        return [
            self._inventory.stock_view(one.id, stocks.get(one.id, StockRecord()))
            for one in product.variants
        ]

    async def adjust(
        self,
        id: str,
        variant: str,
        change: StockChange,
        caller: Caller,
        seen: Condition | None = None,
    ) -> dict[str, Any]:
        """Set or change how many pieces of a variant there are, and return its `Stock`.

        Setting the number requires the revision that was read: sales may have changed it since.
        Three state calls.
        """
        if (change.on_hand is None) == (change.delta is None):
            raise Invalid("Give either the number of pieces (on_hand) or the difference (delta).")
        if change.revision is not None:
            seen = Condition.on(change.revision)
        if change.on_hand is not None:
            require_condition(seen)
        product = await self._own_product(id, caller)
        if product.variant(variant) is None:
            raise rules.product_not_found()
        key = digest(change.idempotency_key)[:16] if change.idempotency_key else ""
        adjustment = StockAdjustment(change.on_hand, change.delta, seen, key)
        stock = await self._inventory.adjust(variant, adjustment)
        return self._inventory.stock_view(variant, stock)

    async def _own_product(self, id: str, caller: Caller) -> ProductRecord:
        id = normalize_or_missing(id, NO_SUCH_PRODUCT)
        return rules.require_own(await self._repository.products.get(id), caller.user_id)
