"""How users log in."""

from __future__ import annotations

from dataclasses import replace

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.application.second_factor import SecondFactorService
from services.auth.domain.errors import (
    AccountSuspended,
    InvalidCredentials,
    LoginThrottled,
)
from services.auth.domain.login_throttle import LoginAttempts
from services.auth.domain.users import User, normalize_login
from services.auth.repository import Repository
from services.chassis.errors import ServiceError
from services.chassis.ids import Clock
from services.chassis.security.audit import security_event
from services.contracts.logins import Authorization, NewSession


class Authenticator:
    """Checks passwords, and slows down guesses."""

    def __init__(
        self,
        repository: Repository,
        passwords: PasswordHasherPool,
        factors: SecondFactorService,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._factors = factors
        self._clock = clock

    async def log_in(self, form: NewSession | Authorization, client_id: str) -> User:
        """Return the user who logs in: by a password, and by a code if they have a second factor.

        Raises what `authenticate` and `SecondFactorService.redeem` raise, and
        `SecondFactorRequired`.
        """
        if form.ticket:
            return await self._factors.redeem(form.ticket, form.second_factor, client_id)
        user = await self.authenticate(form.login, form.password, client_id)
        await self._factors.require(user)
        return user

    async def authenticate(self, login: str, password: str, client_id: str = "") -> User:
        """Return the user with this username or e-mail address and this password.

        `client_id` is the app that the user logs in to, for the security log.
        Raises `InvalidCredentials`, `AccountSuspended`, `LoginThrottled`, or
        `RateLimited` when the password queue is full.
        """
        self._passwords.ensure_capacity()
        name = normalize_login(login)
        now = int(self._clock().timestamp())
        key = await self._repository.identifiers.hash("login", name)
        # Counted before the outcome is known: concurrent guesses must not bypass the limit.
        try:
            await self._repository.login_attempts.update(
                key, lambda kept: (kept or LoginAttempts()).record(now)
            )
        except LoginThrottled:
            security_event("login_failed", client_id=client_id, reason="throttled")
            raise
        user = await self._repository.find_user(name)
        check = await self._passwords.verify(password, user.password_hash if user else "")
        reason, failure = _refusal(user, matches=check.matches)
        if user is None or failure is not None:
            subject = user.user_id if user else ""
            security_event("login_failed", subject=subject, client_id=client_id, reason=reason)
            raise failure or InvalidCredentials
        await self._repository.login_attempts.update(key, lambda _: LoginAttempts())
        return await self._rehash(user, password) if check.needs_rehash else user

    async def _rehash(self, user: User, password: str) -> User:
        hashed = await self._passwords.hash(password)

        def replace_hash(kept: User | None) -> User | None:
            if kept is None or kept.password_hash != user.password_hash:
                return kept
            return replace(kept, password_hash=hashed)

        return await self._repository.users.update(user.user_id, replace_hash) or user


def _refusal(user: User | None, *, matches: bool) -> tuple[str, ServiceError | None]:
    """Return why a login fails, as a code for the security log and as an error."""
    if user is None:
        return "unknown_login", InvalidCredentials()
    if user.deleted:
        return "deleted", InvalidCredentials()  # a stranger must not learn that the name was used
    if not matches:
        return "wrong_password", InvalidCredentials()
    return ("suspended", AccountSuspended()) if user.suspended else ("", None)
