"""Creates and dismisses notifications: the document is written, and the owner's list follows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from services.chassis.converge import converge
from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.storage.bulk_insert import ListRef, insert_read
from services.notifications.domain import notifications as rules
from services.notifications.domain.notifications import (
    ID,
    Cause,
    NotificationRecord,
    Row,
    document_id,
)
from services.notifications.repository import ClearedUpTo, Repository

_CONCURRENCY = 16
_BATCH_SIZE = 20
"""Causes that are handled together."""


class OwnerLocks:
    """One lock for each list, because concurrent changes of a list in one process conflict."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, owners: Iterable[str]) -> AsyncIterator[None]:
        """Hold the locks of some owners, acquired in a fixed order."""
        async with AsyncExitStack() as held:
            for owner in sorted(owners):
                await held.enter_async_context(self._locks.setdefault(owner, asyncio.Lock()))
            yield


class Notifier:
    """Creates and dismisses notifications. `ids` generates their positions in lists."""

    def __init__(
        self, repository: Repository, *, ids: Callable[[], str], now: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._ids = ids
        self._now = now
        self._locks = OwnerLocks()

    async def notify(self, causes: Iterable[Cause]) -> None:
        """Notify people of some causes, or withdraw their notifications. May be repeated.

        For all causes one read, one write of the lists, and mostly one more read; for each cause
        one compare-and-set, and one write if the list is new.
        """
        wanted = [cause for cause in causes if cause.owner != cause.account and cause.matters]
        for start in range(0, len(wanted), _BATCH_SIZE):
            part = wanted[start : start + _BATCH_SIZE]
            async with self._locks.hold({cause.owner for cause in part}):
                await self._notify_batch(part)

    async def _notify_batch(self, causes: Sequence[Cause]) -> None:
        """Update documents and lists. `reconcile` handles lists that may be wrong."""
        repository = self._repository
        found = await repository.load_causes(causes)
        written = await asyncio.gather(*(self._apply(cause, found) for cause in causes))
        records = {cause.key: each for cause, each in zip(causes, written, strict=True) if each}
        wrong = [
            key
            for key, each in records.items()
            if repository.may_be_listed(each.owner, each.removed_ids, found)
        ]
        rows: defaultdict[ListRef, list[Row]] = defaultdict(list)
        for key, each in records.items():
            if each.position and key not in wrong:
                rows[repository.lists, each.owner].append(each.row(key))
        apart = {owner for _, owner in await insert_read(repository.state, rows, found)}
        unsure = {
            key: each
            for key, each in records.items()
            if each.owner in apart or not self._is_list_current(key, each, found)
        }
        now = await repository.notifications.get_many(unsure)
        changed = [key for key, each in unsure.items() if now.get(key) != each]
        await asyncio.gather(*map(self.reconcile, {*wrong, *changed}))

    def _is_list_current(
        self, key: str, record: NotificationRecord, found: Mapping[str, StateEntry]
    ) -> bool:
        """Return whether a list that was just written surely agrees with the document.

        Outcomes of orders are final, and a notification that was created just now cannot have been
        dismissed, because nobody has seen it.
        """
        return (
            record.type in rules.SHOP_TYPES and self._repository.notifications.key(key) not in found
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

    async def dismiss(self, owner: str, rows: Sequence[Row]) -> None:
        """Dismiss some notifications of an owner."""
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def dismiss_row(row: Row) -> None:
            key = document_id(row, owner)
            async with slots:
                await self._repository.notifications.update(
                    key, lambda known: rules.dismiss(known, row[ID])
                )
                await self.reconcile(key)

        await asyncio.gather(*map(dismiss_row, rows))

    async def clear(self, owner: str) -> None:
        """Dismiss all notifications of an owner. Four state calls.

        The first write alone hides them, so a crash in between does no harm.
        """
        upto = self._ids()
        await self._repository.cleared.update(
            owner, lambda known: ClearedUpTo(max(upto, known.upto) if known else upto)
        )
        await self._repository.lists.clear(owner, upto)

    async def reconcile(self, key: str) -> None:
        """Make the owner's list agree with a notification's document."""

        async def apply(notification: NotificationRecord) -> None:
            await self._update_list(notification, key)

        await converge(
            lambda: self._repository.notifications.get(key),
            apply,
            what=f"The notification {key}",
        )

    async def _update_list(self, notification: NotificationRecord, key: str) -> None:
        lists, owner = self._repository.lists, notification.owner
        if notification.removed_ids:
            await lists.remove(owner, notification.removed_ids)
        if notification.position:
            await lists.insert(owner, [notification.row(key)])
