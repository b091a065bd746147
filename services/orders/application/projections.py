"""Updates the lists and read models of orders, whatever the order of events."""

from __future__ import annotations

from cachetools import FIFOCache

from services.chassis.storage.bulk_insert import ListRef, insert_read
from services.chassis.storage.window import Row
from services.orders.domain.orders import REFUND_REQUESTED
from services.orders.repository import OPEN_LIST, OrderReadModel, Repository, newer

_MAX_REMEMBERED_ORDERS = 10_000
"""For how many orders a process remembers that they are in their lists."""


class OrderProjector:
    """Updates lists and read models to match the logs."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._listed: FIFOCache[str, None] = FIFOCache(_MAX_REMEMBERED_ORDERS)

    async def project(self, id: str, model: OrderReadModel) -> None:
        """Update all lists to match an order. Its read model exists from its first final state on.

        For a new order two state calls, and one more for each new list. For an order that becomes
        final one, for one that is refunded then two, else none; one more if another process has
        inserted it into its lists.
        """
        if id not in self._listed:
            await self._insert_into_lists(id, model)
        elif model.is_refunding:
            await self._repository.open_orders.insert(OPEN_LIST, [[id]])
        if model.is_final or model.is_refunding:
            is_first = not model.has(REFUND_REQUESTED)
            await self._repository.read_models.update(
                id, lambda kept: newer(kept, model), expect_absent=is_first
            )

    async def _insert_into_lists(self, id: str, model: OrderReadModel) -> None:
        """Insert an order into its lists. Only that of the open orders ever loses it."""
        repository = self._repository
        wanted: dict[ListRef, list[Row]] = {
            place: [[id]] for place in repository.lists_of(model.order)
        }
        if not model.is_final:
            wanted[repository.open_orders, OPEN_LIST] = [[id]]
        heads = [lists.heads.key(key) for lists, key in wanted]
        await insert_read(repository.state, wanted, await repository.state.get_many(heads))
        self._listed[id] = None
