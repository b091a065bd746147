"""Account deletion: the login ends at once; other services follow by its event."""

from __future__ import annotations

from dataclasses import replace

from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.application.second_factor import SecondFactorService
from services.auth.application.session_registry import SessionRegistry
from services.auth.domain import name_reservations
from services.auth.domain.errors import InvalidCredentials, SecondFactorRequired
from services.auth.domain.name_reservations import NameReservation
from services.auth.domain.users import User
from services.auth.repository import Repository, email_key


class AccountDeletion:
    """Deletes logins. The username stays reserved for good; the e-mail address is free again."""

    def __init__(
        self,
        repository: Repository,
        authenticator: Authenticator,
        accounts: AccountService,
        sessions: SessionRegistry,
        factors: SecondFactorService,
    ) -> None:
        self._repository = repository
        self._authenticator = authenticator
        self._accounts = accounts
        self._sessions = sessions
        self._factors = factors

    async def delete(self, login: str, password: str, user_id: str) -> str:
        """Delete a user, and return their id. With a `user_id`, only that user.

        Who has a second factor has to be logged in: the password alone must not suffice. Raises
        what `Authenticator.authenticate` raises, and `SecondFactorRequired`.
        """
        user = await self._authenticator.authenticate(login, password)
        if user_id not in ("", user.user_id):
            raise InvalidCredentials
        if not user_id and (await self._factors.get(user.user_id)).enabled:
            raise SecondFactorRequired
        await self._accounts.delete(user.user_id)
        return user.user_id

    async def finish(self, user_id: str) -> None:
        """Delete the sessions of a deleted user, and release the address. Safe to repeat."""
        user = await self._repository.users.get(user_id)
        if user is None or not user.deleted:
            return
        await self._sessions.delete_all(user_id)
        await self._repository.second_factors.delete(user_id)
        if user.email:
            await self._release_email(user)

    async def _release_email(self, user: User) -> None:
        own = NameReservation(user.user_id, user.username.lower(), 0)
        await self._repository.email_reservations.update(
            email_key(user.email), lambda held: name_reservations.release(held, own)
        )
        await self._repository.users.update(
            user.user_id, lambda kept: replace(kept, email="") if kept else None
        )
