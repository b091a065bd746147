"""Commands and queries on whether a user wants digests by mail."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import first_id_at
from services.notifications.domain import digests as rules
from services.notifications.domain.digests import DigestRecord
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings

DUE_LIST_ID = "all"


class DigestSettings:
    """Enables and disables digests. `now` returns seconds since 1970."""

    def __init__(
        self,
        repository: Repository,
        settings: NotificationsSettings,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._repository = repository
        self._interval = settings.microgram_digest_hours * 3600
        self._now = now

    async def get(self, owner: str) -> dict[str, Any]:
        """Return a `contracts.notifications.DigestSetting`. One state call."""
        return self._view(await self._repository.digests.get(owner))

    async def set_enabled(self, owner: str, *, on: bool) -> dict[str, Any]:
        """Enable or disable digests. Raises `Invalid` if there are none. Five state calls.

        The row is inserted first, so no crash leaves a digest that is never due. A row that is not
        the position of a digest is dropped when it is due.
        """
        if not on:
            return self._view(await self._repository.digests.update(owner, rules.disable))
        if not self._interval:
            raise Invalid("This instance sends no e-mail.")
        place = due_position(self._now() + self._interval)
        key = secrets.token_urlsafe(16)
        await self._repository.due_digests.insert(DUE_LIST_ID, [[place, owner]])
        enabled = await self._repository.digests.update(
            owner, lambda kept: rules.enable(kept, place, key)
        )
        if await self._is_deleted(owner):
            await self.delete(owner)
            raise NotFound("There is no such account.")
        return self._view(enabled)

    async def disable_by_link(self, owner: str, key: str) -> None:
        """Disable digests by the link in a mail, without a login. Raises `NotFound`."""
        kept = await self._repository.digests.get(owner)
        if kept is None or not kept.key or not _is_equal(kept.key, key):
            raise NotFound(
                "The link does not belong to the current subscription."
                " Open the link from your newest digest."
            )
        await self.set_enabled(owner, on=False)

    async def delete(self, owner: str) -> None:
        """Delete the settings of a deleted account."""
        await self._repository.digests.update(owner, lambda kept: DigestRecord() if kept else None)

    async def _is_deleted(self, owner: str) -> bool:
        state = await self._repository.deletions.get(f"account:{owner}")
        return state is not None and state.gone

    def _view(self, kept: DigestRecord | None) -> dict[str, Any]:
        return {
            "enabled": kept is not None and kept.on,
            "available": self._interval > 0,
            "interval_hours": self._interval / 3600,
        }


def due_position(moment: float) -> str:
    """Return the row id for a time. Digests of the same millisecond get different last digits."""
    due = datetime.fromtimestamp(moment, UTC)
    return str(int(first_id_at(due)) + secrets.randbelow(1 << 16))


def _is_equal(kept: str, given: str) -> bool:
    return secrets.compare_digest(kept.encode(), given.encode())
