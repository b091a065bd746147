"""Roles and suspensions, and the tokens that end with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from services.auth.domain.people import Person, is_username, normal_login
from services.auth.domain.tokens import TOKEN_LIFE
from services.auth.store import Store
from services.chassis.consuming.inbox import Event
from services.chassis.errors import NotFound
from services.chassis.security.token_verifier import user_revocation
from services.contracts.events import LOGIN_REGISTERED


class Warden:
    """Decides who is in. The person's document is the truth; the list of the revoked follows it.

    It is followed at once, and again when the news of the commit comes back, so that a crash
    between the two lets nobody keep a token.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def some(self, user_ids: Iterable[str]) -> list[Person]:
        """Those of some people who are registered. One state call."""
        found = await self._store.people.get_many(user_ids)
        return [person for person in found.values() if not person.deleted]

    async def known(self, user_ids: Iterable[str]) -> list[tuple[Person, int]]:
        """Some people's logins, deleted ones too, with their versions. One state call at most."""
        ids = list(user_ids)
        found = await self._store.people.load_many(ids) if ids else {}
        return [(doc.value, doc.version) for doc in found.values()]

    async def named(self, usernames: Iterable[str]) -> list[tuple[Person, int]]:
        """As `known`, those who have some names. Two state calls, one where nobody has."""
        names = {name.lower() for name in usernames if is_username(name)}
        claims = await self._store.logins.get_many(names) if names else {}
        found = await self.known({claim.user_id for claim in claims.values()} - {""})
        return [(one, version) for one, version in found if _is_called(one, names)]

    async def give_role(self, username: str, role: str) -> Person:
        """Give somebody a role, or take it. Raises `NotFound`."""
        person = await self._store.person(normal_login(username))
        now = self._now()
        return await self._change(_there(person).user_id, lambda kept: kept.with_role(role, now))

    async def suspend(self, user_id: str) -> Person:
        """Put somebody out. Raises `NotFound`, and `Forbidden` for admins. Five state calls."""
        now = self._now()
        return await self._change(user_id, lambda kept: kept.suspend(now))

    async def unsuspend(self, user_id: str) -> Person:
        """Let somebody in again. Raises `NotFound`."""
        return await self._change(user_id, Person.unsuspend)

    async def bury(self, user_id: str) -> None:
        """Delete a login, and end its tokens."""
        now = self._now()
        after = await self._store.people.update(
            user_id, lambda kept: kept.leave(now) if kept else None
        )
        if after is not None:
            await self._follow(after)

    async def login_changed(self, event: Event) -> None:
        """Make the list of revoked tokens follow what was committed. Safe to repeat."""
        if event.type != LOGIN_REGISTERED.name:
            return
        person = await self._store.people.get(event.subject)
        if person is not None:
            await self._follow(person)

    async def _change(self, user_id: str, change: Callable[[Person], Person]) -> Person:
        after = await self._store.people.update(user_id, lambda kept: change(_there(kept)))
        await self._follow(_there(after))
        return _there(after)

    async def _follow(self, person: Person) -> None:
        if person.tokens_from:
            entry = user_revocation(person.user_id, person.tokens_from)
            ends = person.tokens_from + TOKEN_LIFE
            await self._store.revocations.append(entry, ends, self._now())

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _there(person: Person | None) -> Person:
    if person is None or person.deleted:
        raise NotFound("There is nobody of that name or id.")
    return person


def _is_called(person: Person, names: set[str]) -> bool:
    return person.username.lower() in names and not person.deleted
