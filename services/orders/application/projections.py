"""Updates the lists of orders, whatever the order of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cachetools import FIFOCache

from services.chassis.storage.bulk_insert import BulkInserter
from services.orders.domain.orders import FINAL_STATES, REFUNDING
from services.orders.repository import OPEN_LIST, Repository

_MAX_REMEMBERED_ORDERS = 10_000
"""For how many orders a process remembers that they are in their lists."""


class OrderProjector:
    """Updates lists to match the logs."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._inserter = BulkInserter(repository.state)
        self._listed: FIFOCache[str, None] = FIFOCache(_MAX_REMEMBERED_ORDERS)

    async def project(self, order: Mapping[str, Any]) -> None:
        """Insert an order into its lists. Only that of the open orders ever loses it.

        For a new order two state calls, which orders that are projected at the same time share, and
        one more for each new list. None later, except for a refund.
        """
        repository, id = self._repository, order["id"]
        if id not in self._listed:
            lists = repository.lists_of(order)
            if order["state"] not in FINAL_STATES:
                lists.append((repository.open_orders, OPEN_LIST))
            await self._inserter.insert(lists, [[id]])
            self._listed[id] = None
        elif order["state"] == REFUNDING:
            await repository.open_orders.insert(OPEN_LIST, [[id]])
