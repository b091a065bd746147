"""Profiles of newly registered users, created by the event or on first use."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from services.chassis.converge import converge
from services.chassis.errors import OutcomeUnknown, Unavailable
from services.clients.auth import AuthClient
from services.contracts.logins import KnownLogin, Login
from services.shared.usernames import is_username
from services.users.domain.profiles import (
    LoginStatus,
    UsernameOwner,
    UserProfile,
    new_profile,
    tombstone,
)
from services.users.repository import Repository

_USERNAME_LOOKUP_TIMEOUT = 2.0
"""Seconds. Most names after an @ in a text are not usernames."""


class ProfileBootstrap:
    """Creates profiles, and keeps role and suspension in line with the login.

    A user may be unknown here only because the event of the registration is late. So before a
    response says that a user does not exist, auth is asked. It answers with the content of the
    event.
    """

    def __init__(self, repository: Repository, auth: AuthClient) -> None:
        self._repository = repository
        self._auth = auth

    async def create_profile(self, id: str, username: str) -> UserProfile:
        """Create a profile if there is none. The username comes first, so no profile lacks one.

        A late event of a deleted account leaves no username behind.
        """
        await self._repository.names.update(username.lower(), UsernameOwner(id).newer_of)
        created = await self._repository.users.update(
            id, lambda kept: kept or new_profile(id, username)
        )
        if created is not None and created.deleted:
            await self._release_username(id, username)
        return created or new_profile(id, username)

    async def apply_login(self, id: str, login: Login, version: int) -> None:
        """Bring a profile in line with a version of its login. Some seven state calls."""
        if login.deleted:
            await self._delete_profile(id, login.username)
            return
        await self.create_profile(id, login.username)
        status = LoginStatus(version, login.role, login.suspended, login.locale)
        await converge(
            lambda: self._newest_status(id, status),
            lambda newest: self._repository.users.update(id, newest.apply_to),
            what=f"The login status of account {id}",
        )

    async def create_missing(self, ids: Collection[str]) -> bool:
        """Create the profiles of registered users. Returns whether any of the ids has one now.

        That includes profiles created since the caller looked. One state call, and one invocation
        if an id is neither known nor deleted. Raises `Unavailable` if auth cannot be asked.
        """
        kept = await self._repository.users.get_many(ids)
        exists = any(not profile.deleted for profile in kept.values())
        unknown = [id for id in ids if id not in kept]
        if not unknown:
            return exists
        return bool(await self._apply_all(await self._auth.logins_by_id(unknown))) or exists

    async def find_by_usernames(self, unknown: Iterable[str]) -> dict[str, str]:
        """Return the ids of users by usernames that are unknown here, and create their profiles.

        One invocation at most. If auth cannot be asked, the usernames count as unused.
        """
        names = [name for name in unknown if is_username(name)]
        if not names:
            return {}
        try:
            logins = await self._auth.logins_by_name(names, _USERNAME_LOOKUP_TIMEOUT)
        except (Unavailable, OutcomeUnknown):
            return {}
        await self._apply_all(logins)
        return {login.username.lower(): login.user_id for login in logins}

    async def _apply_all(self, logins: list[KnownLogin]) -> list[KnownLogin]:
        await asyncio.gather(
            *(self.apply_login(login.user_id, login, login.version) for login in logins)
        )
        return logins

    async def _newest_status(self, id: str, status: LoginStatus) -> LoginStatus | None:
        return await self._repository.login_statuses.update(
            id, lambda kept: (kept or LoginStatus()).newer_of(status)
        )

    async def _delete_profile(self, id: str, username: str) -> None:
        """Write the tombstone, and release the username.

        `username` is that of the login, if auth still has it. Before and after the tombstone: a
        crash between leaves no username that nobody knows, and who creates the profile at the same
        time sees the tombstone, or is seen.
        """
        profile = await self._repository.users.get(id)
        names = {username, profile.username if profile else ""} - {""}
        for name in names:
            await self._release_username(id, name)
        await self._repository.users.update(
            id, lambda kept: kept if kept and kept.deleted else tombstone(id)
        )
        for name in names:
            await self._release_username(id, name)

    async def _release_username(self, id: str, username: str) -> None:
        """Remove the document of a username. Auth never gives the name of a deleted user again."""
        owner = await self._repository.names.get(username.lower())
        if owner is not None and owner.id == id:
            await self._repository.names.delete(username.lower())
