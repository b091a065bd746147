"""Whose posts are out of sight: the few people who are suspended, as users says.

`standing:ACCOUNT` is what was last heard of somebody who is, or was, suspended; `suspended:all` the
list that every read looks at. It is read at most every `LIST_TTL` seconds, whatever is asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.chassis.consuming.events import CloudEvent
from services.chassis.errors import ServiceError
from services.chassis.service import Service
from services.contracts.events import ACCOUNT_CHANGED

LIST_TTL = 2.0
"""Seconds for which the list is kept in memory: so much later a replica notices."""

_LIST_ID = "all"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SuspensionState:
    """Whether somebody is suspended, as of a version of their profile."""

    version: int = 0
    suspended: bool = False

    def newer_of(self, other: SuspensionState) -> SuspensionState:
        """The newer of the two."""
        return other if other.version > self.version else self


@dataclass(frozen=True, slots=True)
class SuspensionList:
    """All who are."""

    ids: tuple[str, ...] = ()

    def with_account(self, id: str, *, suspended: bool) -> SuspensionList:
        """With somebody among them, or without."""
        if (id in self.ids) == suspended:
            return self
        return SuspensionList(
            (*self.ids, id) if suspended else tuple(i for i in self.ids if i != id)
        )


class SuspendedAccounts:
    """Hears of them, and knows them."""

    def __init__(self, service: Service, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._states = service.collection("standing", SuspensionState)
        self._lists = service.collection("suspended", SuspensionList)
        self._monotonic = monotonic
        self._ids: frozenset[str] = frozenset()
        self._cached_until = float("-inf")

    async def ids(self) -> frozenset[str]:
        """Who is suspended. No state call, or one every `LIST_TTL` seconds."""
        now = self._monotonic()
        if now > self._cached_until:
            self._cached_until = now + LIST_TTL
            try:
                found = await self._lists.get(_LIST_ID)
            except ServiceError as failure:
                log.warning("did not learn who is suspended", extra={"why": failure.message})
            else:
                self._ids = frozenset(found.ids if found else ())
        return self._ids

    async def on_account_changed(self, event: CloudEvent) -> None:
        """Make the list agree, in the background. Five state calls; two more where it changes."""
        if event.type != ACCOUNT_CHANGED.name:
            return
        id, profile = event.subject, event.data
        suspended = bool(profile.get("suspended")) and not profile.get("deleted")
        heard = SuspensionState(event.entityversion, suspended)
        known = await self._states.update(
            id, lambda kept: (kept or SuspensionState()).newer_of(heard)
        )
        while known is not None:
            await self._update_list(id, suspended=known.suspended)
            now = await self._states.get(id)
            if now == known:
                return
            known = now

    async def _update_list(self, id: str, *, suspended: bool) -> None:
        await self._lists.update(
            _LIST_ID, lambda kept: (kept or SuspensionList()).with_account(id, suspended=suspended)
        )
