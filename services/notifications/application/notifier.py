"""Creates and dismisses notifications: the document is written, and the owner's list follows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from services.chassis import telemetry, tracing
from services.chassis.converge import converge
from services.chassis.dapr.call_groups import CallGroups, Request, answer_together
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
_BATCH_SIZE = 50
"""Causes that are handled together. They are of several events, or a part of those of one."""

_TracedCause = tuple[Cause, telemetry.Trace | None]
"""A cause, and the trace of the event that it comes from."""


class Notifier:
    """Creates and dismisses notifications. `ids` generates their positions in lists."""

    def __init__(
        self, repository: Repository, *, ids: Callable[[], str], now: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._ids = ids
        self._now = now
        self._groups: CallGroups[Sequence[Cause]] = CallGroups(
            self._notify_group,
            _describe,
            max_calls=1,
            kind=tracing.INTERNAL,
            max_size=_BATCH_SIZE,
        )

    async def notify(self, causes: Iterable[Cause]) -> None:
        """Notify people of some causes, or withdraw their notifications. May be repeated.

        Causes that wait at the same time are handled together, so that a list which all of them
        change is read and written once, and no two change each other's lists. For all of them one
        read, one write of the documents, one of the lists, and mostly one more read; one write for
        each list that is new.
        """
        wanted = [cause for cause in causes if cause.owner != cause.account and cause.matters]
        if wanted:
            await self._groups.submit(wanted, size=len(wanted))

    async def _notify_group(self, group: list[Request[Sequence[Cause]]]) -> None:
        await answer_together(group, self._notify_all)

    async def _notify_all(self, group: Iterable[Request[Sequence[Cause]]]) -> None:
        causes = [(cause, request.trace) for request in group for cause in request.asked]
        for start in range(0, len(causes), _BATCH_SIZE):
            await self._notify_batch(causes[start : start + _BATCH_SIZE])

    async def _notify_batch(self, traced: Sequence[_TracedCause]) -> None:
        """Update documents and lists. `reconcile` handles lists that may be wrong."""
        causes = [cause for cause, _ in traced]
        repository = self._repository
        found = await repository.load_causes(causes)
        written = await asyncio.gather(*(self._apply(*each, found) for each in traced))
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
        self, cause: Cause, trace: telemetry.Trace | None, found: Mapping[str, StateEntry]
    ) -> NotificationRecord | None:
        telemetry.resume(trace)
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


def _describe(span: tracing.Span, causes: Sequence[Cause]) -> None:
    span.describe("notify", {"microgram.causes": len(causes)})
