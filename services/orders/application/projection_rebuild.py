"""Makes what lists show anew from the logs, and says how much of it was wrong.

It goes by the registers, one for each month, and can be done at any time: what is placed or changed
meanwhile is left to those who hear of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Window
from services.orders.consumers import newer
from services.orders.domain.orders import OrderRecord
from services.orders.repository import OPEN_LIST, OrderReadModel, Repository, read_model_of

FIRST_YEAR = 2026
BATCH_SIZE = 100


class ProjectionRebuild:
    """Compares every list and page with what the logs say, and mends it."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def run(self) -> dict[str, int]:
        """Rebuild all of it: a `Rebuilt`. Two state calls for each hundred orders and each list."""
        wanted: dict[tuple[int, str], set[str]] = defaultdict(set)
        count = mended = 0
        upto = ""
        for ids in [batch async for batch in _batches(self._store.register, months())]:
            docs = await self._store.orders.load_many(ids)
            count += len(docs)
            upto = max(upto, *ids)
            mended += await self._repair_read_models(
                {id: read_model_of(doc) for id, doc in docs.items()}
            )
            for id, doc in docs.items():
                for number, key in _places(doc.value):
                    wanted[number, key].add(id)
                if not doc.value.is_final:
                    wanted[_OPEN, OPEN_LIST].add(id)
        for (number, key), there in wanted.items():
            mended += await self._repair_list(self._lists()[number], key, there, upto)
        return {"orders": count, "mended": mended}

    def _lists(self) -> Sequence[SegmentedLists]:
        store = self._store
        return (store.by_buyer, store.by_seller, store.by_shop, store.open_orders)

    async def _repair_read_models(self, wanted: dict[str, OrderReadModel]) -> int:
        kept = await self._store.read_models.get_many(wanted)
        wrong = {id: page for id, page in wanted.items() if _is_wrong(kept.get(id), page)}
        for id, page in wrong.items():
            await self._store.read_models.update(id, partial(_corrected, page))
        return len(wrong)

    async def _repair_list(
        self, lists: SegmentedLists, key: str, wanted: set[str], upto: str
    ) -> int:
        """What is open no more is not wrong among the open ones: the watch takes it away."""
        there = {row[0] for row in await lists.all(key)}
        missing = wanted - there
        surplus = {
            id for id in there - wanted if id <= upto and lists is not self._store.open_orders
        }
        if missing:
            await lists.insert(key, [[id] for id in missing])
        if surplus:
            await lists.remove(key, surplus)
        return len(missing) + len(surplus)


_OPEN = 3


def _places(order: OrderRecord) -> list[tuple[int, str]]:
    terms = order.terms
    return [(0, terms.buyer), (1, terms.seller), (2, terms.shop)]


def _is_wrong(kept: OrderReadModel | None, page: OrderReadModel) -> bool:
    """Whether a page is not what the log says. Of an order that was never at rest there is none."""
    if kept is None:
        return page.is_final or page.is_refunding
    return kept != page and kept.version <= page.version


def _corrected(page: OrderReadModel, now: OrderReadModel | None) -> OrderReadModel:
    return page if now is None or now.version == page.version else newer(now, page)


def months() -> Iterator[str]:
    """The names of all registers there can be."""
    today = datetime.now(UTC)
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
