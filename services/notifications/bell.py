"""Telling people: the document of a cause is decided, and the owner's list follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from services.chassis.errors import Unavailable
from services.notifications.domain import notifications as rules
from services.notifications.domain.notifications import ID, KEY, Cause, Notification, Row
from services.notifications.store import Cleared, Store

TURNS = 8
"""How often a document may change under a handler before it asks to be called again later."""

_AT_ONCE = 16


class Bell:
    """Makes and puts away notifications. `ids` makes their places in lists, `now` is the clock."""

    def __init__(self, store: Store, *, ids: Callable[[], str], now: Callable[[], str]) -> None:
        self._store = store
        self._ids = ids
        self._now = now

    async def ring(self, cause: Cause) -> None:
        """Tell somebody of something, or no longer. About eight state calls, in the background.

        May be repeated at will: the document knows what it has heard, and the list follows it.
        """
        if cause.owner == cause.account:
            return
        quiet = cause.on and await self._store.quiet(cause, self._now())
        id = self._ids()
        known = await self._store.notifications.update(
            cause.key, lambda known: rules.heard(known, cause, id, quiet=quiet), fresh=cause.on
        )
        if known is not None:
            await self.agree(cause.key)

    async def dismiss(self, rows: Sequence[Row]) -> None:
        """Put some away."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def put_away(row: Row) -> None:
            async with slots:
                await self._store.notifications.update(
                    row[KEY], lambda known: rules.dismissed(known, row[ID])
                )
                await self.agree(row[KEY])

        await asyncio.gather(*map(put_away, rows))

    async def clear(self, owner: str) -> None:
        """Put all of somebody's away that there are now. Four state calls.

        The first write alone hides them, so a crash in between does no harm.
        """
        upto = self._ids()
        await self._store.cleared.update(
            owner, lambda known: Cleared(max(upto, known.upto) if known else upto)
        )
        await self._store.lists.clear(owner, upto)

    async def agree(self, key: str) -> None:
        """Make the owner's list say what a document says, and see that it still says so."""
        seen = await self._store.notifications.get(key)
        for _ in range(TURNS):
            if seen is None:
                return
            await self._list(seen, key)
            now = await self._store.notifications.get(key)
            if now == seen:
                return
            seen = now
        raise Unavailable(f"The notification {key} keeps changing.")

    async def _list(self, notification: Notification, key: str) -> None:
        lists, owner = self._store.lists, notification.owner
        if notification.gone:
            await lists.remove(owner, notification.gone)
        if notification.place:
            await lists.insert(owner, [notification.row(key)])
