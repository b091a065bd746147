"""Changes of passwords, and new passwords for users who have forgotten theirs."""

from __future__ import annotations

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.application.account_mails import AccountMailer
from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.application.sessions import SessionService
from services.auth.application.tokens import SignedToken
from services.auth.domain.errors import InvalidCredentials, InvalidFields, InvalidLink
from services.auth.domain.users import User
from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.contracts.logins import NewPassword


class PasswordService:
    """Changes the password of a user who is logged in to the web app, or who has a link."""

    def __init__(
        self,
        authenticator: Authenticator,
        hasher: PasswordHasherPool,
        accounts: AccountService,
        sessions: SessionService,
        mailer: AccountMailer,
    ) -> None:
        self._authenticator = authenticator
        self._hasher = hasher
        self._accounts = accounts
        self._sessions = sessions
        self._mailer = mailer

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

    async def reset(self, user_id: str, token: str, password: str) -> None:
        """Set a new password for the token of a link, and end all sessions of the user.

        The token is checked before the costly hash, and once more in the commit that uses it up.
        Raises `InvalidLink`, `InvalidFields` or `RateLimited`.
        """
        found = await self._accounts.find([user_id])
        if not found:
            raise InvalidLink
        user = found[0]
        user.check_reset(token, self._accounts.now())
        await self._hasher.ensure_acceptable(password, user.username, user.email)
        await self._accounts.reset_password(user_id, token, await self._hasher.hash(password))

    async def issue_link(self, username: str) -> tuple[str, str]:
        """Return the user id and the token of a link to a new password. Raises `NotFound`.

        For the operator, where no mail can be sent. An earlier link stops working.
        """
        user = await self._accounts.find_by_login(username)
        if not user.is_active:
            raise NotFound("The user is suspended.")
        return user.user_id, await self._mailer.issue_reset(user.user_id, "operator")

    async def check(self, user_id: str, password: str) -> None:
        """Check the password of a user who is logged in. Raises `InvalidFields`, and so on."""
        await self._check(await self._user(user_id), password)

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
