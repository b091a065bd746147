"""Telling people: the document of a cause is decided, and the owner's list follows it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.errors import Unavailable
from services.chassis.storage.bulk_insert import ListRef, insert_read
from services.notifications.domain import notifications as rules
from services.notifications.domain.notifications import ID, KEY, Cause, NotificationRecord, Row
from services.notifications.repository import ClearedUpTo, Repository

MAX_ATTEMPTS = 8
"""How often a document may change under a handler before it asks to be called again later."""

_CONCURRENCY = 16
_BATCH_SIZE = 20
"""Causes that are told of together."""


class OwnerLocks:
    """One at a time for each list in this process, as two would get into each other's way."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, owners: Iterable[str]) -> AsyncIterator[None]:
        """Wait until all lists of some people are free; always in the same order of them."""
        async with AsyncExitStack() as held:
            for owner in sorted(owners):
                await held.enter_async_context(self._locks.setdefault(owner, asyncio.Lock()))
            yield


class Notifier:
    """Makes and puts away notifications. `ids` makes their places in lists, `now` is the clock."""

    def __init__(
        self, repository: Repository, *, ids: Callable[[], str], now: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._ids = ids
        self._now = now
        self._locks = OwnerLocks()

    async def notify(self, causes: Iterable[Cause]) -> None:
        """Tell people of something, or no longer.

        For all together one read, one write for their lists, and mostly one more read; for each
        cause a swap, and a write where the list is new. May be repeated at will: the document knows
        what it has heard, and the list follows it.
        """
        told = [cause for cause in causes if cause.owner != cause.account]
        for start in range(0, len(told), _BATCH_SIZE):
            part = told[start : start + _BATCH_SIZE]
            async with self._locks.hold({cause.owner for cause in part}):
                await self._notify_batch(part)

    async def _notify_batch(self, causes: Sequence[Cause]) -> None:
        """Where the list holds what it may not, or may have changed meanwhile, `agree` decides."""
        repository = self._repository
        found = await repository.load_causes(causes)
        heard = await asyncio.gather(*(self._apply(cause, found) for cause in causes))
        told = {cause.key: each for cause, each in zip(causes, heard, strict=True) if each}
        wrong = [
            key
            for key, each in told.items()
            if repository.may_be_listed(each.owner, each.removed_ids, found)
        ]
        rows: defaultdict[ListRef, list[Row]] = defaultdict(list)
        for key, each in told.items():
            if each.position and key not in wrong:
                rows[repository.lists, each.owner].append(each.row(key))
        apart = {owner for _, owner in await insert_read(repository.state, rows, found)}
        unsure = {
            key: each
            for key, each in told.items()
            if each.owner in apart or not self._is_list_current(key, each, found)
        }
        now = await repository.notifications.get_many(unsure)
        changed = [key for key, each in unsure.items() if now.get(key) != each]
        await asyncio.gather(*map(self.reconcile, {*wrong, *changed}))

    def _is_list_current(
        self, key: str, told: NotificationRecord, found: Mapping[str, StateEntry]
    ) -> bool:
        """Whether a list that has not changed since it was read says what the document does.

        What becomes of an order is never undone, and only put away by who has seen it in the list;
        where it was made just now, nobody has.
        """
        return (
            told.type in rules.SHOP_TYPES and self._repository.notifications.key(key) not in found
        )

    async def _apply(
        self, cause: Cause, found: Mapping[str, StateEntry]
    ) -> NotificationRecord | None:
        documents, id = self._repository.notifications, self._ids()
        quiet = cause.on and self._repository.is_suppressed(cause, found, self._now())
        seen = documents.decode(found.get(documents.key(cause.key), ABSENT))
        return await documents.update(
            cause.key,
            lambda known: rules.apply_cause(known, cause, id, quiet=quiet),
            expect_absent=seen is None,
            known=seen,
        )

    async def dismiss(self, rows: Sequence[Row]) -> None:
        """Put some away."""
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def put_away(row: Row) -> None:
            async with slots:
                await self._repository.notifications.update(
                    row[KEY], lambda known: rules.dismiss(known, row[ID])
                )
                await self.reconcile(row[KEY])

        await asyncio.gather(*map(put_away, rows))

    async def clear(self, owner: str) -> None:
        """Put all of somebody's away that there are now. Four state calls.

        The first write alone hides them, so a crash in between does no harm.
        """
        upto = self._ids()
        await self._repository.cleared.update(
            owner, lambda known: ClearedUpTo(max(upto, known.upto) if known else upto)
        )
        await self._repository.lists.clear(owner, upto)

    async def reconcile(self, key: str) -> None:
        """Make the owner's list say what a document says, and see that it still says so."""
        seen = await self._repository.notifications.get(key)
        for _ in range(MAX_ATTEMPTS):
            if seen is None:
                return
            await self._update_list(seen, key)
            now = await self._repository.notifications.get(key)
            if now == seen:
                return
            seen = now
        raise Unavailable(f"The notification {key} keeps changing.")

    async def _update_list(self, notification: NotificationRecord, key: str) -> None:
        lists, owner = self._repository.lists, notification.owner
        if notification.removed_ids:
            await lists.remove(owner, notification.removed_ids)
        if notification.position:
            await lists.insert(owner, [notification.row(key)])
