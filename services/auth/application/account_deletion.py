"""How somebody leaves: the login ends at once, and what hangs on it follows by its own event."""

from __future__ import annotations

from dataclasses import replace

from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.domain import name_reservations
from services.auth.domain.errors import InvalidCredentials
from services.auth.domain.name_reservations import NameReservation
from services.auth.repository import Repository, email_key
from services.chassis.consuming.events import CloudEvent


class AccountDeletion:
    """Deletes logins. The name stays taken for ever; the address is free again."""

    def __init__(
        self, repository: Repository, authenticator: Authenticator, warden: AccountService
    ) -> None:
        self._repository = repository
        self._authenticator = authenticator
        self._accounts = warden

    async def delete(self, login: str, password: str, user_id: str) -> str:
        """End a login; returns whose it was. With a `user_id`, only that person's own.

        Raises what `Authenticator.enter` raises.
        """
        user = await self._authenticator.authenticate(login, password)
        if user_id not in ("", user.user_id):
            raise InvalidCredentials
        await self._accounts.delete(user.user_id)
        return user.user_id

    async def on_login_changed(self, event: CloudEvent) -> None:
        """Give back the address of who left. Again is harmless."""
        user = await self._repository.users.get(event.subject)
        if user is None or not user.deleted or not user.email:
            return
        reservation = NameReservation(user.user_id, user.username.lower(), 0)
        await self._repository.email_reservations.update(
            email_key(user.email), lambda existing: name_reservations.release(existing, reservation)
        )
        await self._repository.users.update(
            user.user_id, lambda kept: replace(kept, email="") if kept else None
        )
