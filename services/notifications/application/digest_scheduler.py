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
from typing import Any, TypeVar

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Invalid, NotFound, ServiceError, Unavailable
from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.window import Window
from services.clients.auth import AuthClient
from services.clients.users import UsersClient
from services.contracts.logins import Address
from services.notifications.adapters import digest_email
from services.notifications.adapters.digest_email import DigestEmail, EmailPerson
from services.notifications.application.queries import NotificationPage, NotificationQueries
from services.notifications.domain import digests as rules
from services.notifications.domain.digests import DigestRecord
from services.notifications.domain.notifications import ACCOUNT, ID, NotificationCriteria, Row
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings

CHECK_INTERVAL = 20.0
"""Seconds between two looks for what is due, at most."""

MAX_NOTIFICATIONS = 80
"""How many notifications are counted in a digest; of them `letters.SHOWN` are told one by one."""

_LIST_ID = "all"
_BATCH_SIZE = 100
_SMALLEST_ID = "0" * 18

T = TypeVar("T")

log = logging.getLogger(__name__)


class DigestScheduler:
    """Whether people want digests, and those that are due. `now` is in seconds since 1970."""

    def __init__(
        self,
        repository: Repository,
        reading: NotificationQueries,
        sidecar: DaprClient,
        settings: NotificationsSettings,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._repository = repository
        self._queries = reading
        self._sidecar = sidecar
        self._auth = AuthClient(sidecar)
        self._users = UsersClient(sidecar)
        self._title = settings.microgram_title
        self._public_url = settings.public_url
        self._interval = settings.microgram_digest_hours * 3600
        self._now = now
        self._holder = secrets.token_hex(8)

    # ── wanting them ────────────────────────────────────────────────────────────────────────

    async def setting(self, owner: str) -> dict[str, Any]:
        """Whether somebody wants digests, and whether there are any. One state call."""
        kept = await self._repository.digests.get(owner)
        return self._setting_view(kept)

    async def set_enabled(self, owner: str, *, on: bool) -> dict[str, Any]:
        """Want digests, or no more. Raises `Invalid` where there are none. Five state calls.

        The row comes first, so that no crash leaves a digest that is never due; a row that no
        digest has as its place is dropped when its time comes.
        """
        if not on:
            return self._setting_view(await self._repository.digests.update(owner, rules.disable))
        if not self._interval:
            raise Invalid("This place sends no e-mail.")
        place, key = self._position(self._interval), secrets.token_urlsafe(16)
        await self._repository.due_digests.insert(_LIST_ID, [[place, owner]])
        made = await self._repository.digests.update(
            owner, lambda kept: rules.enable(kept, place, key)
        )
        if await self._is_deleted(owner):
            await self.delete(owner)
            raise NotFound("There is no such account.")
        return self._setting_view(made)

    async def disable_by_link(self, owner: str, key: str) -> None:
        """Switch off by the link in a mail, without a login. Raises `NotFound`."""
        kept = await self._repository.digests.get(owner)
        if kept is None or not kept.key or not _is_equal(kept.key, key):
            raise NotFound("This link is not good any more.")
        await self.set_enabled(owner, on=False)

    async def delete(self, owner: str) -> None:
        """Somebody is gone."""
        await self._repository.digests.update(owner, lambda kept: DigestRecord() if kept else None)

    # ── sending them ────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Send what is due, for ever."""
        while self._interval:
            await asyncio.sleep(min(CHECK_INTERVAL, self._interval) * random.uniform(0.5, 1))  # noqa: S311
            try:
                await self.send_due()
            except ServiceError as failure:
                log.warning("could not look for digests", extra={"why": failure.message})

    async def send_due(self) -> None:
        """Send what is due now. One state call where nothing is.

        Where the mail server is away, what is due waits for the next look.
        """
        rows = await self._repository.due_digests.page(
            _LIST_ID, Window(_BATCH_SIZE, min_id=_SMALLEST_ID)
        )
        for place, owner in reversed(rows):
            is_due = id_time(place).timestamp() <= self._now()
            if not is_due or not await self._process(place, owner):
                return

    async def _process(self, place: str, owner: str) -> bool:
        """Do what is to be done about one row; says whether the mail server can be reached."""
        repository, now = self._repository, self._now()
        kept = await repository.digests.update(
            owner,
            lambda kept: rules.acquire_lease(kept, place, self._holder, now) if kept else None,
        )
        if kept is None or not kept.on or kept.place != place:
            await repository.due_digests.remove(_LIST_ID, [place])
            return True
        if kept.holder != self._holder:
            return True
        try:
            told = await self._send(owner, kept)
        except Unavailable as failure:
            log.warning("a digest has to wait", extra={"user": owner, "why": failure.message})
            wait = rules.retry_delay(kept.troubles, self._interval)
            await self._reschedule(place, owner, wait, failed=True)
            return False
        except ServiceError as failure:  # whether it was sent nobody knows
            log.warning("a digest is in doubt", extra={"user": owner, "why": failure.message})
            told = ""
        await self._reschedule(place, owner, self._interval, told=told)
        return True

    async def _reschedule(
        self, place: str, owner: str, wait: float, *, told: str = "", failed: bool = False
    ) -> None:
        after = self._position(wait)
        await self._repository.due_digests.insert(_LIST_ID, [[after, owner]])
        kept = await self._repository.digests.update(
            owner,
            lambda kept: (
                rules.reschedule(kept, self._holder, after, told=told, failed=failed)
                if kept
                else None
            ),
        )
        is_ours = kept is not None and kept.place != place
        await self._repository.due_digests.remove(_LIST_ID, [place if is_ours else after])

    async def _send(self, owner: str, kept: DigestRecord) -> str:
        """Send a digest, if there is news; the newest that it told.

        Raises `Unavailable` where it was not sent for certain, `OutcomeUnknown` where nobody knows.
        """
        markers = await self._repository.markers.get(owner)
        since = kept.since(markers.last_read("notifications") if markers else "")
        found = await self._queries.page(
            owner, Window(MAX_NOTIFICATIONS, since_id=since), NotificationCriteria()
        )
        if not found.rows or not kept.has_news(found.rows[0][ID]):
            return ""
        address = await self._required(self._address(owner))
        if address is None:
            return ""
        letter = await self._required(self._render(owner, address.username, kept.key, found))
        newest = found.rows[0][ID]
        ours = await self._repository.digests.update(
            owner,
            lambda kept: (
                rules.begin_sending(kept, self._holder, newest, self._now()) if kept else None
            ),
        )
        if ours is None or ours.holder != self._holder or ours.tried != newest:
            raise Unavailable("This took too long, or is not wanted any more.")
        await self._sidecar.send_mail(address.email, letter.subject, letter.html)
        return newest

    async def _address(self, owner: str) -> Address | None:
        """Where somebody is reached, as auth says; nothing of who is suspended or gone."""
        try:
            return await self._auth.address(owner)
        except NotFound:
            return None

    async def _render(
        self, owner: str, username: str, key: str, found: NotificationPage
    ) -> DigestEmail:
        shown = found.rows[: digest_email.MAX_LISTED]
        return digest_email.render_digest(
            found.rows,
            await self._load_people(shown),
            owner=username,
            more=len(found.rows) == MAX_NOTIFICATIONS,
            title=self._title,
            public_url=self._public_url,
            stop=f"{self._public_url}/digests/stop?of={owner}&key={key}",
        )

    async def _load_people(self, rows: list[Row]) -> dict[str, EmailPerson]:
        found = await self._users.accounts([row[ACCOUNT] for row in rows])
        return {
            id: EmailPerson(one["profile"]["username"], one["profile"]["display_name"])
            for id, one in found.items()
        }

    @staticmethod
    async def _required(asked: Awaitable[T]) -> T:
        """What another service says; that it says nothing means that no mail was sent."""
        try:
            return await asked
        except ServiceError as failure:
            raise Unavailable(failure.message) from failure

    async def _is_deleted(self, owner: str) -> bool:
        gone = await self._repository.deletions.get(f"account:{owner}")
        return gone is not None and gone.gone

    def _position(self, wait: float) -> str:
        """A row's id for a time: digests of the same millisecond differ in the last digits."""
        due = datetime.fromtimestamp(self._now() + wait, UTC)
        return str(int(first_id_at(due)) + secrets.randbelow(1 << 16))

    def _setting_view(self, kept: DigestRecord | None) -> dict[str, Any]:
        """A `contracts.notifications.DigestSetting`."""
        return {
            "enabled": kept is not None and kept.on,
            "available": self._interval > 0,
            "interval_hours": self._interval / 3600,
        }


def _is_equal(kept: str, given: str) -> bool:
    return secrets.compare_digest(kept.encode(), given.encode())
