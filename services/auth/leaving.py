"""How somebody leaves: the login ends at once, and what hangs on it follows by its own event."""

from __future__ import annotations

from dataclasses import replace

from services.auth.domain import claims
from services.auth.domain.claims import Claim
from services.auth.domain.refusals import WrongLogin
from services.auth.store import Store, email_id
from services.auth.turnstile import Turnstile
from services.auth.warden import Warden
from services.chassis.consuming.inbox import Event


class Leaving:
    """Deletes logins. The name stays taken for ever; the address is free again."""

    def __init__(self, store: Store, turnstile: Turnstile, warden: Warden) -> None:
        self._store = store
        self._turnstile = turnstile
        self._warden = warden

    async def delete(self, login: str, password: str, user_id: str) -> str:
        """End a login; returns whose it was. With a `user_id`, only that person's own.

        Raises what `Turnstile.enter` raises.
        """
        person = await self._turnstile.enter(login, password)
        if user_id not in ("", person.user_id):
            raise WrongLogin
        await self._warden.bury(person.user_id)
        return person.user_id

    async def login_changed(self, event: Event) -> None:
        """Give back the address of who left. Again is harmless."""
        person = await self._store.people.get(event.subject)
        if person is None or not person.deleted or not person.email:
            return
        mine = Claim(person.user_id, person.username.lower(), 0)
        await self._store.emails.update(
            email_id(person.email), lambda held: claims.release(held, mine)
        )
        await self._store.people.update(
            person.user_id, lambda kept: replace(kept, email="") if kept else None
        )
