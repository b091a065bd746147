"""Sends digests that are due.

Due digests are in a list sorted by time. Every replica looks for them, and takes a lease on each
before it works on it. Whether a mail whose sending failed without an answer was sent cannot be
known, so the intent to send is committed before (`domain/digests.py`).
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import NotFound, ServiceError, Unavailable
from services.chassis.ids import id_time
from services.chassis.storage.window import Window
from services.clients.auth import AuthClient
from services.clients.users import UsersClient
from services.contracts.logins import EmailAddress
from services.contracts.texts import clean_line
from services.notifications.adapters import digest_email
from services.notifications.adapters.digest_email import DigestEmail, EmailPerson
from services.notifications.application.digest_settings import DUE_LIST_ID, due_position
from services.notifications.application.queries import NotificationPage, NotificationQueries
from services.notifications.domain import digests as rules
from services.notifications.domain.digests import DigestRecord
from services.notifications.domain.notifications import ACCOUNT, ID, NotificationCriteria, Row
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings

CHECK_INTERVAL = 20.0
"""Seconds between two checks for due digests, at most."""

MAX_NOTIFICATIONS = 80
"""How many notifications a digest counts. It lists `digest_email.MAX_LISTED` of them."""

_BATCH_SIZE = 100
_SMALLEST_ID = "0" * 18

T = TypeVar("T")

log = logging.getLogger(__name__)


class DigestScheduler:
    """Sends due digests. `now` returns seconds since 1970."""

    def __init__(
        self,
        repository: Repository,
        queries: NotificationQueries,
        sidecar: DaprClient,
        settings: NotificationsSettings,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._sidecar = sidecar
        self._auth = AuthClient(sidecar)
        self._users = UsersClient(sidecar)
        self._title = settings.microgram_title
        self._public_url = settings.public_url
        self._interval = settings.microgram_digest_hours * 3600
        self._now = now
        self._holder = secrets.token_hex(8)

    async def send_due(self) -> None:
        """Send what is due. One state call if nothing is.

        While the mail server is not reachable, due digests wait for the next check.
        """
        rows = await self._repository.due_digests.page(
            DUE_LIST_ID, Window(_BATCH_SIZE, min_id=_SMALLEST_ID)
        )
        for place, owner in reversed(rows):
            is_due = id_time(place).timestamp() <= self._now()
            if not is_due or not await self._process(place, owner):
                return

    async def _process(self, place: str, owner: str) -> bool:
        """Process one row. Return whether the mail server can be reached."""
        repository, now = self._repository, self._now()
        kept = await repository.digests.update(
            owner,
            lambda kept: rules.acquire_lease(kept, place, self._holder, now) if kept else None,
        )
        if kept is None or not kept.on or kept.place != place:
            await repository.due_digests.remove(DUE_LIST_ID, [place])
            return True
        if kept.holder != self._holder:
            return True
        try:
            sent = await self._send(owner, kept)
        except Unavailable as failure:
            log.warning("cannot send a digest yet", extra={"user": owner, "why": failure.message})
            wait = rules.retry_delay(kept.troubles, self._interval)
            await self._reschedule(place, owner, wait, failed=True)
            return False
        except ServiceError as failure:  # the outcome is unknown
            log.warning(
                "unknown whether a digest was sent", extra={"user": owner, "why": failure.message}
            )
            sent = ""
        await self._reschedule(place, owner, self._interval, sent=sent)
        return True

    async def _reschedule(
        self, place: str, owner: str, wait: float, *, sent: str = "", failed: bool = False
    ) -> None:
        after = due_position(self._now() + wait)
        await self._repository.due_digests.insert(DUE_LIST_ID, [[after, owner]])
        kept = await self._repository.digests.update(
            owner,
            lambda kept: (
                rules.reschedule(kept, self._holder, after, told=sent, failed=failed)
                if kept
                else None
            ),
        )
        is_ours = kept is not None and kept.place != place
        await self._repository.due_digests.remove(DUE_LIST_ID, [place if is_ours else after])

    async def _send(self, owner: str, kept: DigestRecord) -> str:
        """Send a digest if there is news. Return the newest notification in it.

        Raises `Unavailable` if it certainly was not sent, `OutcomeUnknown` if that is unknown.
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
        email = await self._required(self._render(owner, address.username, kept.key, found))
        newest = found.rows[0][ID]
        ours = await self._repository.digests.update(
            owner,
            lambda kept: (
                rules.begin_sending(kept, self._holder, newest, self._now()) if kept else None
            ),
        )
        if ours is None or ours.holder != self._holder or ours.tried != newest:
            raise Unavailable("The lease ended, or the digest was disabled meanwhile.")
        await self._sidecar.send_mail(address.email, email.subject, email.html)
        return newest

    async def _address(self, owner: str) -> EmailAddress | None:
        """Return the address of a user, or None if they are suspended or deleted."""
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
            id: EmailPerson(one["profile"]["username"], clean_line(one["profile"]["display_name"]))
            for id, one in found.items()
        }

    @staticmethod
    async def _required(asked: Awaitable[T]) -> T:
        """Return the answer of another service. Without it, certainly no mail was sent."""
        try:
            return await asked
        except ServiceError as failure:
            raise Unavailable(failure.message) from failure
