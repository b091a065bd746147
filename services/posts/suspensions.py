"""Whose posts are out of sight: the few people who are suspended, as users says.

`standing:ACCOUNT` is what was last heard of somebody who is, or was, suspended; `suspended:all` the
list that every read looks at. It is read at most every `FRESH` seconds, whatever is asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.chassis.consuming.inbox import Event
from services.chassis.errors import ServiceError
from services.chassis.service import Service
from services.contracts.events import ACCOUNT_CHANGED

FRESH = 2.0
"""Seconds for which the list is kept in memory: so much later a replica notices."""

_ALL = "all"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether somebody is suspended, as of a version of their profile."""

    version: int = 0
    suspended: bool = False

    def heard(self, other: Standing) -> Standing:
        """The newer of the two."""
        return other if other.version > self.version else self


@dataclass(frozen=True, slots=True)
class Suspended:
    """All who are."""

    ids: tuple[str, ...] = ()

    def having(self, id: str, *, suspended: bool) -> Suspended:
        """With somebody among them, or without."""
        if (id in self.ids) == suspended:
            return self
        return Suspended((*self.ids, id) if suspended else tuple(i for i in self.ids if i != id))


class Suspensions:
    """Hears of them, and knows them."""

    def __init__(self, service: Service, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._standings = service.collection("standing", Standing)
        self._lists = service.collection("suspended", Suspended)
        self._monotonic = monotonic
        self._ids: frozenset[str] = frozenset()
        self._until = float("-inf")

    async def ids(self) -> frozenset[str]:
        """Who is suspended. No state call, or one every `FRESH` seconds."""
        now = self._monotonic()
        if now > self._until:
            self._until = now + FRESH
            try:
                found = await self._lists.get(_ALL)
            except ServiceError as failure:
                log.warning("did not learn who is suspended", extra={"why": failure.message})
            else:
                self._ids = frozenset(found.ids if found else ())
        return self._ids

    async def account_changed(self, event: Event) -> None:
        """Make the list agree, in the background. Five state calls; two more where it changes."""
        if event.type != ACCOUNT_CHANGED.name:
            return
        id, profile = event.subject, event.data
        suspended = bool(profile.get("suspended")) and not profile.get("deleted")
        heard = Standing(event.entityversion, suspended)
        known = await self._standings.update(id, lambda kept: (kept or Standing()).heard(heard))
        while known is not None:
            await self._agree(id, suspended=known.suspended)
            now = await self._standings.get(id)
            if now == known:
                return
            known = now

    async def _agree(self, id: str, *, suspended: bool) -> None:
        await self._lists.update(
            _ALL, lambda kept: (kept or Suspended()).having(id, suspended=suspended)
        )
