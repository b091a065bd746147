"""Changes of passwords."""

from __future__ import annotations

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.application.sessions import SessionService
from services.auth.application.tokens import SignedToken
from services.auth.domain.errors import InvalidCredentials, InvalidFields
from services.auth.domain.users import User
from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.contracts.logins import NewPassword


class PasswordService:
    """Changes the password of a user who is logged in to the web app."""

    def __init__(
        self,
        authenticator: Authenticator,
        hasher: PasswordHasherPool,
        accounts: AccountService,
        sessions: SessionService,
    ) -> None:
        self._authenticator = authenticator
        self._hasher = hasher
        self._accounts = accounts
        self._sessions = sessions

    async def change(self, caller: Caller, new: NewPassword) -> SignedToken:
        """Change the password, revoke all tokens of the user, and issue a new web session.

        The password and the revocation are one commit. If the process dies after it, the user logs
        in with the new password. Raises `InvalidFields`, `PasswordChanged`, `LoginThrottled`, and
        what `Authenticator.authenticate` and `SessionService.end_others` raise.
        """
        session = await self._sessions.get_valid(caller)
        user = await self._user(caller.user_id)
        await self._hasher.ensure_acceptable(new.password, user.username, user.email)
        await self._sessions.ensure_can_sign()
        checked = await self._check(user, new.current_password)
        changed = await self._accounts.change_password(
            checked, await self._hasher.hash(new.password)
        )
        return await self._sessions.renew(changed, session)

    async def _check(self, user: User, password: str) -> User:
        """Check the present password. Guesses count as those at the login of the username."""
        try:
            return await self._authenticator.authenticate(user.username, password)
        except InvalidCredentials as error:
            raise InvalidFields({"current_password": ["is wrong"]}) from error

    async def _user(self, user_id: str) -> User:
        for user in await self._accounts.find([user_id]):
            return user
        raise NotFound("This account was deleted.")
