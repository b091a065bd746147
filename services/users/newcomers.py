"""People who registered: their profiles, made when the news comes, or when they are missed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable

from services.chassis.dapr.client import INVOKE_TIMEOUT, DaprClient
from services.chassis.errors import OutcomeUnknown, Unavailable
from services.contracts.logins import KnownLogin, Login
from services.users.domain.profiles import Profile, Standing, new_profile, tombstone
from services.users.store import Name, Store


async def make_profile(store: Store, id: str, username: str) -> Profile:
    """Make a profile where there is none yet; its name first, so that no profile is without."""
    await store.names.update(username.lower(), lambda kept: _newer(kept, Name(id)))
    made = await store.users.update(id, lambda kept: kept or new_profile(id, username))
    return made or new_profile(id, username)


async def follow_login(store: Store, id: str, login: Login, version: int) -> None:
    """Make a profile agree with a version of its login. Some seven state calls."""
    if login.deleted:
        await _delete_profile(store, id)
    else:
        await make_profile(store, id, login.username)
        await _follow_standing(
            store, id, Standing(version, login.role, login.suspended, login.locale)
        )


async def _follow_standing(store: Store, id: str, heard: Standing) -> None:
    known = await store.standings.update(id, lambda kept: (kept or Standing()).heard(heard))
    while known is not None:
        await store.users.update(id, known.applied)
        now = await store.standings.get(id)
        if now == known:
            return
        known = now


async def _delete_profile(store: Store, id: str) -> None:
    """Leave only a tombstone of a profile."""
    await store.users.update(id, lambda kept: kept if kept and kept.deleted else tombstone(id))


def _newer(kept: Name | None, name: Name) -> Name:
    return name if kept is None or kept.id < name.id else kept


_USERNAME = re.compile(r"[a-z0-9_]{1,30}")
_PATIENCE = 2.0
"""Seconds to wait for who a name is."""


class Newcomers:
    """People of whom the news has not come yet.

    Who has not heard of somebody must not say that they are not there, so auth is asked: it answers
    what its event says.
    """

    def __init__(self, store: Store, sidecar: DaprClient) -> None:
        self._store = store
        self._sidecar = sidecar

    async def fetch(self, ids: Collection[str]) -> bool:
        """Make the profiles of those of some people who are registered; says if one is here now.

        Also one that came since its caller looked. One state call, and one invocation where
        somebody is neither here nor gone. Raises `Unavailable` if nobody can say.
        """
        kept = await self._store.users.get_many(ids)
        came = any(not profile.deleted for profile in kept.values())
        unknown = [id for id in ids if id not in kept]
        return bool(unknown and await self._heard("ids", unknown)) or came

    async def named(self, unknown: Iterable[str]) -> dict[str, str]:
        """The ids of those who have some names that nobody here has; their profiles are made.

        One invocation, however many there are. What anybody writes after an @ is most often a name
        that nobody has at all, so where nobody can say whose one is, it is nobody's.
        """
        names = [name for name in unknown if _USERNAME.fullmatch(name)]
        if not names:
            return {}
        try:
            known = await self._heard("names", names, deadline=_PATIENCE)
        except (Unavailable, OutcomeUnknown):
            return {}
        return {login.username.lower(): login.user_id for login in known}

    async def _heard(
        self, what: str, asked: Iterable[str], deadline: float = INVOKE_TIMEOUT
    ) -> list[KnownLogin]:
        """What auth says of some people, as if its event had come."""
        params = {what: ",".join(asked)}
        reply = await self._sidecar.invoke("auth", "logins", params=params, deadline=deadline)
        known = [KnownLogin.model_validate(login) for login in reply.json().values()]
        await asyncio.gather(
            *(follow_login(self._store, each.user_id, each, each.version) for each in known)
        )
        return known
