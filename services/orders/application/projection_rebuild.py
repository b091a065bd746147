"""Rebuilds lists from the logs, and counts what was wrong.

It reads the registers, one for each month, and can run at any time. Orders that are placed or
changed meanwhile are left to the projections.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

from services.chassis.ids import utc_now
from services.chassis.storage.bulk_insert import ListRef
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Window
from services.orders.domain.orders import OrderRecord
from services.orders.repository import OPEN_LIST, Repository

FIRST_YEAR = 2026
BATCH_SIZE = 100


class ProjectionRebuild:
    """Compares every list with the logs, and repairs it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def run(self) -> dict[str, int]:
        """Rebuild everything and return a `RebuildResponse`.

        Two state calls for each hundred orders and each list.
        """
        wanted: dict[ListRef, set[str]] = defaultdict(set)
        count = mended = 0
        upto = ""
        for ids in [batch async for batch in _batches(self._repository.register, months())]:
            docs = await self._repository.orders.load_many(ids)
            count += len(docs)
            upto = max(upto, *ids)
            for id, doc in docs.items():
                for place in self._lists_of(doc.value):
                    wanted[place].add(id)
        for (lists, key), there in wanted.items():
            mended += await self._repair_list(lists, key, there, upto)
        return {"orders": count, "mended": mended}

    def _lists_of(self, order: OrderRecord) -> Iterator[ListRef]:
        repository, terms = self._repository, order.terms
        yield repository.by_buyer, terms.buyer
        yield repository.by_seller, terms.seller
        yield repository.by_shop, terms.shop
        if not order.is_final:
            yield repository.open_orders, OPEN_LIST

    async def _repair_list(
        self, lists: SegmentedLists, key: str, wanted: set[str], upto: str
    ) -> int:
        """Repair a list. Final orders in the open list are no fault: the watchdog removes them."""
        there = {row[0] for row in await lists.all(key)}
        missing = wanted - there
        is_open_list = lists is self._repository.open_orders
        surplus = {id for id in there - wanted if id <= upto and not is_open_list}
        if missing:
            await lists.insert(key, [[id] for id in missing])
        if surplus:
            await lists.remove(key, surplus)
        return len(missing) + len(surplus)


def months() -> Iterator[str]:
    """Return the names of all registers that can exist."""
    today = utc_now()
    for year in range(FIRST_YEAR, today.year + 1):
        for month in range(1, 13):
            if (year, month) <= (today.year, today.month):
                yield f"{year}-{month:02d}"


async def _batches(register: SegmentedLists, names: Iterator[str]) -> AsyncIterator[list[str]]:
    for name in names:
        window = Window(BATCH_SIZE)
        while rows := await register.page(name, window):
            yield [row[0] for row in rows]
            window = Window(BATCH_SIZE, max_id=rows[-1][0])
