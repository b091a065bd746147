"""Hides the files of suspended users.

The list `suspended:all` is derived from `standing:USER` and `portraits:USER`. Every download needs
it, so it is cached in memory.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from services.chassis.converge import converge
from services.chassis.errors import ServiceError
from services.media.domain.profile_images import ProfileImages
from services.media.domain.suspensions import OwnerSuspension, SuspendedOwners
from services.media.repository import ALL, Repository

LIST_TTL = 2.0
"""Seconds for which the list is cached. A replica notices a change with this delay."""

log = logging.getLogger(__name__)


class SuspensionFilter:
    """Maintains and caches the list of suspended users."""

    def __init__(
        self, repository: Repository, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._states = repository.suspensions
        self._lists = repository.suspended_owners
        self._images = repository.profile_images
        self._monotonic = monotonic
        self._users: frozenset[str] = frozenset()
        self._files: frozenset[str] = frozenset()
        self._cached_until = float("-inf")

    async def hides_files_of(self, user: str) -> bool:
        """Whether a user is suspended. At most one state call every `LIST_TTL` seconds."""
        await self._refresh()
        return user in self._users

    async def hides_profile_image(self, name: str) -> bool:
        """Whether a profile image is of a suspended user. Costs as `hides_files_of`."""
        await self._refresh()
        return name in self._files

    async def apply(self, user: str, state: OwnerSuspension) -> None:
        """Update the list after a profile event. Six state calls, one more if it changes."""
        await self._states.update(user, lambda kept: (kept or OwnerSuspension()).newer_of(state))
        await self.reconcile(user)

    async def on_profile_image_added(self, user: str) -> None:
        """Hide a new profile image of a user who was suspended meanwhile. One state call."""
        state = await self._states.get(user)
        if state is not None and state.suspended:
            await self.reconcile(user)

    async def reconcile(self, user: str) -> None:
        """Bring the list in line with the state of a user. Safe to repeat."""

        async def update_list(state: OwnerSuspension) -> None:
            images = await self._images.get(user) or ProfileImages()
            await self._lists.update(
                ALL,
                lambda kept: (kept or SuspendedOwners()).with_owner(
                    user, images.names, suspended=state.suspended
                ),
            )

        await converge(
            lambda: self._states.get(user), update_list, what=f"The suspension of {user}"
        )

    async def _refresh(self) -> None:
        """Read the list again. If the store is not reachable, the last known list is used."""
        now = self._monotonic()
        if now <= self._cached_until:
            return
        self._cached_until = now + LIST_TTL
        try:
            found = await self._lists.get(ALL)
        except ServiceError as error:
            log.warning("cannot read the suspended users", extra={"why": error.message})
            return
        images = found.images if found else {}
        self._users = frozenset(images)
        self._files = frozenset(name for names in images.values() for name in names)
