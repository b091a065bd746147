"""How somebody logs in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.auth.domain.apps import digest
from services.auth.domain.people import Person, normal_login
from services.auth.domain.refusals import LoginDeleted, Suspended, WrongLogin
from services.auth.domain.throttle import Attempts
from services.auth.passwords import Passwords
from services.auth.store import Store


class Turnstile:
    """Lets people in who know their password, and slows down who guesses."""

    def __init__(self, store: Store, passwords: Passwords, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock

    async def enter(self, login: str, password: str) -> Person:
        """Who has this name or address and this password.

        Raises `WrongLogin`, `LoginDeleted`, `Suspended`, `Throttled`, or `RateLimited` when the
        machine is busy.
        """
        self._passwords.ensure_room()
        name = normal_login(login)
        now = int(self._clock().timestamp())
        attempts = digest(name)
        # Counted before it is known how it ends: many guesses at once must not slip through.
        await self._store.attempts.update(attempts, lambda kept: (kept or Attempts()).another(now))
        person = await self._store.person(name)
        verdict = await self._passwords.check(password, person.password_hash if person else "")
        if person is not None and person.deleted:
            raise LoginDeleted
        if person is None or not verdict.right:
            raise WrongLogin
        if person.suspended:
            raise Suspended
        await self._store.attempts.update(attempts, lambda _: Attempts())
        if verdict.outdated:
            await self._rehash(person, password)
        return person

    async def _rehash(self, person: Person, password: str) -> None:
        hashed = await self._passwords.hash(password)

        def renew(kept: Person | None) -> Person | None:
            if kept is None or kept.password_hash != person.password_hash:
                return kept
            return replace(kept, password_hash=hashed)

        await self._store.people.update(person.user_id, renew)
