"""Account deletion: the login ends at once; other services follow by its event."""

from __future__ import annotations

from dataclasses import replace

from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.application.second_factor import SecondFactorService
from services.auth.application.session_registry import SessionRegistry
from services.auth.domain.errors import InvalidCredentials, SecondFactorRequired
from services.auth.domain.name_reservations import NameReservation
from services.auth.domain.users import User
from services.auth.repository import Repository


class AccountDeletion:
    """Deletes logins. The e-mail address is free again. The username stays reserved for good.

    In the end the store holds neither: the username is a keyed hash.
    """

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
        """Delete the sessions, the address and the name of a deleted user. Safe to repeat."""
        user = await self._repository.users.get(user_id)
        if user is None or not user.deleted:
            return
        await self._sessions.delete_all(user_id)
        await self._repository.second_factors.delete(user_id)
        if user.email or user.username:
            await self._release_names(user)

    async def _release_names(self, user: User) -> None:
        """Release the reservations first: their keys are made of the names."""
        username = user.username.lower()
        if user.email:
            await self._repository.release_email(
                user.email, NameReservation(user.user_id, username, 0)
            )
        if username:
            await self._repository.retire_username(username, user.user_id)
        await self._repository.users.update(
            user.user_id, lambda kept: replace(kept, email="", username="") if kept else None
        )
