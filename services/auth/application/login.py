"""How users log in."""

from __future__ import annotations

from dataclasses import replace

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.domain.clients import sha256_hex
from services.auth.domain.errors import AccountDeleted, AccountSuspended, InvalidCredentials
from services.auth.domain.login_throttle import LoginAttempts
from services.auth.domain.users import User, normalize_login
from services.auth.repository import Repository
from services.chassis.ids import Clock


class Authenticator:
    """Checks passwords, and slows down guesses."""

    def __init__(self, repository: Repository, passwords: PasswordHasherPool, clock: Clock) -> None:
        self._repository = repository
        self._passwords = passwords
        self._clock = clock

    async def authenticate(self, login: str, password: str) -> User:
        """Return the user with this username or e-mail address and this password.

        Raises `InvalidCredentials`, `AccountDeleted`, `AccountSuspended`, `LoginThrottled`, or
        `RateLimited` when the password queue is full.
        """
        self._passwords.ensure_capacity()
        name = normalize_login(login)
        now = int(self._clock().timestamp())
        key = sha256_hex(name)
        # Counted before the outcome is known: concurrent guesses must not bypass the limit.
        await self._repository.login_attempts.update(
            key, lambda kept: (kept or LoginAttempts()).record(now)
        )
        user = await self._repository.find_user(name)
        check = await self._passwords.verify(password, user.password_hash if user else "")
        if user is not None and user.deleted:
            raise AccountDeleted
        if user is None or not check.matches:
            raise InvalidCredentials
        if user.suspended:
            raise AccountSuspended
        await self._repository.login_attempts.update(key, lambda _: LoginAttempts())
        return await self._rehash(user, password) if check.needs_rehash else user

    async def _rehash(self, user: User, password: str) -> User:
        hashed = await self._passwords.hash(password)

        def replace_hash(kept: User | None) -> User | None:
            if kept is None or kept.password_hash != user.password_hash:
                return kept
            return replace(kept, password_hash=hashed)

        return await self._repository.users.update(user.user_id, replace_hash) or user
