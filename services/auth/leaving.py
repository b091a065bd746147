"""How somebody leaves: the login ends at once, and what hangs on it follows by its own event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.auth.domain import claims
from services.auth.domain.claims import Claim
from services.auth.domain.codes import CODE_LIFE
from services.auth.domain.people import Person
from services.auth.domain.refusals import WrongLogin
from services.auth.domain.tokens import TOKEN_LIFE
from services.auth.store import Store, email_id
from services.auth.turnstile import Turnstile
from services.chassis.inbox import Event


class Leaving:
    """Deletes logins. The name stays taken for ever; the address is free again."""

    def __init__(self, store: Store, turnstile: Turnstile, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._turnstile = turnstile
        self._clock = clock

    async def delete(self, login: str, password: str, user_id: str) -> str:
        """End a login; returns whose it was. With a `user_id`, only that person's own.

        Raises what `Turnstile.enter` raises.
        """
        person = await self._turnstile.enter(login, password)
        if user_id not in ("", person.user_id):
            raise WrongLogin
        await self._store.people.update(person.user_id, lambda kept: kept.leave() if kept else None)
        await self._revoke(person.user_id)
        return person.user_id

    async def registered(self, event: Event) -> None:
        """A login is told of: if it ended, nothing may be left of it. Again is harmless."""
        person = await self._store.people.get(event.subject)
        if person is None or not person.deleted or not person.email:
            return
        await self._revoke(person.user_id)
        mine = Claim(person.user_id, person.username.lower(), 0)
        await self._store.emails.update(
            email_id(person.email), lambda held: claims.release(held, mine)
        )
        await self._store.people.update(
            person.user_id, lambda kept: replace(kept, email="") if kept else None
        )

    async def _revoke(self, user_id: str) -> None:
        """All tokens of somebody, also those for codes that are on their way."""
        now = int(self._clock().timestamp())
        await self._store.revocations.append(f"user:{user_id}", now + TOKEN_LIFE + CODE_LIFE, now)


def is_there(person: Person | None) -> bool:
    """Whether somebody may have a token."""
    return person is not None and not person.deleted
