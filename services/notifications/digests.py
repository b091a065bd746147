"""Sending digests: in every replica somebody looks for those that are due.

What is due stands in a list that is sorted by time, and a replica takes a lease on each before it
works on it. Whether a mail that nobody answered for was sent cannot be known; so that it is about
to be sent is committed before (`domain/digests.py`).
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Invalid, NotFound, ServiceError, Unavailable
from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.window import Window
from services.notifications import letters
from services.notifications.domain import digests as rules
from services.notifications.domain.digests import Digest
from services.notifications.domain.notifications import ACCOUNT, ID, Filter, Row
from services.notifications.letters import Letter, Person
from services.notifications.reading import Found, Reading
from services.notifications.settings import NotificationsSettings
from services.notifications.store import Store

LOOK = 20.0
"""Seconds between two looks for what is due, at most."""

MOST = 80
"""How many notifications are counted in a digest; of them `letters.SHOWN` are told one by one."""

_ALL = "all"
_AT_ONCE = 100
_OLDEST = "0" * 18

log = logging.getLogger(__name__)


class Digests:
    """Whether people want digests, and those that are due. `now` is in seconds since 1970."""

    def __init__(
        self,
        store: Store,
        reading: Reading,
        sidecar: DaprClient,
        settings: NotificationsSettings,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._reading = reading
        self._sidecar = sidecar
        self._title = settings.microgram_title
        self._public_url = settings.public_url
        self._interval = settings.microgram_digest_hours * 3600
        self._now = now
        self._name = secrets.token_hex(8)

    # ── wanting them ────────────────────────────────────────────────────────────────────────

    async def setting(self, owner: str) -> dict[str, Any]:
        """Whether somebody wants digests, and whether there are any. One state call."""
        kept = await self._store.digests.get(owner)
        return self._shown(kept)

    async def switch(self, owner: str, *, on: bool) -> dict[str, Any]:
        """Want digests, or no more. Raises `Invalid` where there are none. Five state calls.

        The row comes first, so that no crash leaves a digest that is never due; a row that no
        digest has as its place is dropped when its time comes.
        """
        if not on:
            return self._shown(await self._store.digests.update(owner, rules.switched_off))
        if not self._interval:
            raise Invalid("This place sends no e-mail.")
        place, key = self._place(self._interval), secrets.token_urlsafe(16)
        await self._store.due.insert(_ALL, [[place, owner]])
        made = await self._store.digests.update(
            owner, lambda kept: rules.switched_on(kept, place, key)
        )
        if await self._is_gone(owner):
            await self.forget(owner)
            raise NotFound("There is no such account.")
        return self._shown(made)

    async def stop(self, owner: str, key: str) -> None:
        """Switch off by the link in a mail, without a login. Raises `NotFound`."""
        kept = await self._store.digests.get(owner)
        if kept is None or not kept.key or not _is_same(kept.key, key):
            raise NotFound("This link is not good any more.")
        await self.switch(owner, on=False)

    async def forget(self, owner: str) -> None:
        """Somebody is gone."""
        await self._store.digests.update(owner, lambda kept: Digest() if kept else None)

    # ── sending them ────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Send what is due, for ever."""
        while self._interval:
            await asyncio.sleep(min(LOOK, self._interval) * random.uniform(0.5, 1))  # noqa: S311
            try:
                await self.work()
            except ServiceError as failure:
                log.warning("could not look for digests", extra={"why": failure.message})

    async def work(self) -> None:
        """Send what is due now. One state call where nothing is.

        Where the mail server is away, what is due waits for the next look.
        """
        rows = await self._store.due.page(_ALL, Window(_AT_ONCE, min_id=_OLDEST))
        for place, owner in reversed(rows):
            is_due = id_time(place).timestamp() <= self._now()
            if not is_due or not await self._see_to(place, owner):
                return

    async def _see_to(self, place: str, owner: str) -> bool:
        """Do what is to be done about one row; says whether the mail server can be reached."""
        store, now = self._store, self._now()
        kept = await store.digests.update(
            owner, lambda kept: rules.leased(kept, place, self._name, now) if kept else None
        )
        if kept is None or not kept.on or kept.place != place:
            await store.due.remove(_ALL, [place])
            return True
        if kept.holder != self._name:
            return True
        try:
            told = await self._tell(owner, kept)
        except Unavailable as failure:
            log.warning("a digest has to wait", extra={"user": owner, "why": failure.message})
            wait = rules.wait(kept.troubles, self._interval)
            await self._settle(place, owner, wait, failed=True)
            return False
        except ServiceError as failure:  # whether it was sent nobody knows
            log.warning("a digest is in doubt", extra={"user": owner, "why": failure.message})
            told = ""
        await self._settle(place, owner, self._interval, told=told)
        return True

    async def _settle(
        self, place: str, owner: str, wait: float, *, told: str = "", failed: bool = False
    ) -> None:
        after = self._place(wait)
        await self._store.due.insert(_ALL, [[after, owner]])
        kept = await self._store.digests.update(
            owner,
            lambda kept: (
                rules.settled(kept, self._name, after, told=told, failed=failed) if kept else None
            ),
        )
        is_ours = kept is not None and kept.place != place
        await self._store.due.remove(_ALL, [place if is_ours else after])

    async def _tell(self, owner: str, kept: Digest) -> str:
        """Send a digest, if there is news; the newest that it told.

        Raises `Unavailable` where it was not sent for certain, `OutcomeUnknown` where nobody knows.
        """
        markers = await self._store.markers.get(owner)
        since = kept.since(markers.last_read("notifications") if markers else "")
        found = await self._reading.page(owner, Window(MOST, since_id=since), Filter())
        if not found.rows or not kept.is_news(found.rows[0][ID]):
            return ""
        address = await self._asked(self._address(owner))
        if not address:
            return ""
        letter = await self._asked(self._letter(owner, address["username"], kept.key, found))
        newest = found.rows[0][ID]
        ours = await self._store.digests.update(
            owner,
            lambda kept: rules.trying(kept, self._name, newest, self._now()) if kept else None,
        )
        if ours is None or ours.holder != self._name or ours.tried != newest:
            raise Unavailable("This took too long, or is not wanted any more.")
        await self._sidecar.send_mail(address["email"], letter.subject, letter.html)
        return newest

    async def _address(self, owner: str) -> dict[str, str]:
        """Where somebody is reached, as auth says; nothing of who is suspended or gone."""
        try:
            found: dict[str, str] = (
                await self._sidecar.invoke("auth", f"addresses/{owner}")
            ).json()
        except NotFound:
            return {}
        return found

    async def _letter(self, owner: str, username: str, key: str, found: Found) -> Letter:
        shown = found.rows[: letters.SHOWN]
        return letters.digest(
            found.rows,
            await self._people(shown),
            owner=username,
            more=len(found.rows) == MOST,
            title=self._title,
            public_url=self._public_url,
            stop=f"{self._public_url}/digests/stop?of={owner}&key={key}",
        )

    async def _people(self, rows: list[Row]) -> dict[str, Person]:
        ids = ",".join(dict.fromkeys(row[ACCOUNT] for row in rows))
        found = (await self._sidecar.invoke("users", "accounts", params={"ids": ids})).json()
        return {
            id: Person(one["profile"]["username"], one["profile"]["display_name"])
            for id, one in found.items()
        }

    @staticmethod
    async def _asked(asked: Awaitable[Any]) -> Any:
        """What another service says; that it says nothing means that no mail was sent."""
        try:
            return await asked
        except ServiceError as failure:
            raise Unavailable(failure.message) from failure

    async def _is_gone(self, owner: str) -> bool:
        gone = await self._store.gone.get(f"account:{owner}")
        return gone is not None and gone.gone

    def _place(self, wait: float) -> str:
        """A row's id for a time: digests of the same millisecond differ in the last digits."""
        due = datetime.fromtimestamp(self._now() + wait, UTC)
        return str(int(first_id_at(due)) + secrets.randbelow(1 << 16))

    def _shown(self, kept: Digest | None) -> dict[str, Any]:
        """A `contracts.notifications.DigestSetting`."""
        return {
            "enabled": kept is not None and kept.on,
            "available": self._interval > 0,
            "interval_hours": self._interval / 3600,
        }


def _is_same(kept: str, given: str) -> bool:
    return secrets.compare_digest(kept.encode(), given.encode())
