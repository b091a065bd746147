"""The suspended accounts, whose posts are hidden.

The list `suspended:all` is derived from `standing:ACCOUNT`, the last known state of each account
that is or was suspended. Every read of posts needs the list, so it is cached in memory.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from services.chassis.converge import converge
from services.chassis.errors import ServiceError
from services.posts.domain.suspensions import SuspensionList, SuspensionState
from services.posts.repository import Repository

LIST_TTL = 2.0
"""Seconds for which the list is cached. A replica notices a change with this delay."""

_LIST_ID = "all"

log = logging.getLogger(__name__)


class SuspendedAccounts:
    """Maintains and caches the list of suspended accounts."""

    def __init__(
        self, repository: Repository, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._states = repository.suspension_states
        self._lists = repository.suspension_lists
        self._monotonic = monotonic
        self._ids: frozenset[str] = frozenset()
        self._cached_until = float("-inf")

    async def ids(self) -> frozenset[str]:
        """Return the ids of suspended accounts. At most one state call every `LIST_TTL` seconds.

        If the store is not reachable, the last known list is used.
        """
        now = self._monotonic()
        if now > self._cached_until:
            self._cached_until = now + LIST_TTL
            try:
                found = await self._lists.get(_LIST_ID)
            except ServiceError as error:
                log.warning("cannot read the suspended accounts", extra={"why": error.message})
            else:
                self._ids = frozenset(found.ids if found else ())
        return self._ids

    async def apply(self, account: str, state: SuspensionState) -> None:
        """Update the list after a profile event. Five state calls, two more if it changes."""
        known = await self._states.update(
            account, lambda kept: (kept or SuspensionState()).newer_of(state)
        )

        async def update_list(current: SuspensionState) -> None:
            await self._lists.update(
                _LIST_ID,
                lambda kept: (kept or SuspensionList()).with_account(
                    account, suspended=current.suspended
                ),
            )

        await converge(
            lambda: self._states.get(account),
            update_list,
            what=f"The suspension of {account}",
            initial=known,
        )
