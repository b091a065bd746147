"""People who registered: their profiles, made when the news comes, or when they are missed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable

from services.chassis.dapr.client import INVOKE_TIMEOUT, DaprClient
from services.chassis.errors import OutcomeUnknown, Unavailable
from services.contracts.logins import KnownLogin, Login
from services.users.domain.profiles import LoginStatus, UserProfile, new_profile, tombstone
from services.users.repository import Repository, UsernameOwner


async def create_profile(repository: Repository, id: str, username: str) -> UserProfile:
    """Make a profile where there is none yet; its name first, so that no profile is without."""
    await repository.names.update(username.lower(), lambda kept: _newer(kept, UsernameOwner(id)))
    made = await repository.users.update(id, lambda kept: kept or new_profile(id, username))
    return made or new_profile(id, username)


async def apply_login(repository: Repository, id: str, login: Login, version: int) -> None:
    """Make a profile agree with a version of its login. Some seven state calls."""
    if login.deleted:
        await _delete_profile(repository, id)
    else:
        await create_profile(repository, id, login.username)
        await _apply_login_status(
            repository, id, LoginStatus(version, login.role, login.suspended, login.locale)
        )


async def _apply_login_status(repository: Repository, id: str, heard: LoginStatus) -> None:
    known = await repository.login_statuses.update(
        id, lambda kept: (kept or LoginStatus()).newer_of(heard)
    )
    while known is not None:
        await repository.users.update(id, known.apply_to)
        now = await repository.login_statuses.get(id)
        if now == known:
            return
        known = now


async def _delete_profile(repository: Repository, id: str) -> None:
    """Leave only a tombstone of a profile."""
    await repository.users.update(id, lambda kept: kept if kept and kept.deleted else tombstone(id))


def _newer(kept: UsernameOwner | None, name: UsernameOwner) -> UsernameOwner:
    return name if kept is None or kept.id < name.id else kept


_USERNAME = re.compile(r"[a-z0-9_]{1,30}")
_USERNAME_LOOKUP_TIMEOUT = 2.0
"""Seconds to wait for who a name is."""


class ProfileBootstrap:
    """People of whom the news has not come yet.

    Who has not heard of somebody must not say that they are not there, so auth is asked: it answers
    what its event says.
    """

    def __init__(self, repository: Repository, sidecar: DaprClient) -> None:
        self._repository = repository
        self._sidecar = sidecar

    async def create_missing(self, ids: Collection[str]) -> bool:
        """Make the profiles of those of some people who are registered; says if one is here now.

        Also one that came since its caller looked. One state call, and one invocation where
        somebody is neither here nor gone. Raises `Unavailable` if nobody can say.
        """
        kept = await self._repository.users.get_many(ids)
        came = any(not profile.deleted for profile in kept.values())
        unknown = [id for id in ids if id not in kept]
        return bool(unknown and await self._fetch_logins("ids", unknown)) or came

    async def find_by_usernames(self, unknown: Iterable[str]) -> dict[str, str]:
        """The ids of those who have some names that nobody here has; their profiles are made.

        One invocation, however many there are. What anybody writes after an @ is most often a name
        that nobody has at all, so where nobody can say whose one is, it is nobody's.
        """
        names = [name for name in unknown if _USERNAME.fullmatch(name)]
        if not names:
            return {}
        try:
            known = await self._fetch_logins("names", names, deadline=_USERNAME_LOOKUP_TIMEOUT)
        except (Unavailable, OutcomeUnknown):
            return {}
        return {login.username.lower(): login.user_id for login in known}

    async def _fetch_logins(
        self, what: str, asked: Iterable[str], deadline: float = INVOKE_TIMEOUT
    ) -> list[KnownLogin]:
        """What auth says of some people, as if its event had come."""
        params = {what: ",".join(asked)}
        reply = await self._sidecar.invoke("auth", "logins", params=params, deadline=deadline)
        known = [KnownLogin.model_validate(login) for login in reply.json().values()]
        await asyncio.gather(
            *(apply_login(self._repository, each.user_id, each, each.version) for each in known)
        )
        return known
