"""Second factors: enabled with a code, disabled with the password, asked for at every login."""

from __future__ import annotations

from collections.abc import Callable

from services.auth.adapters import totp
from services.auth.domain.clients import sha256_hex
from services.auth.domain.errors import InvalidCode, LoginOutdated, SecondFactorRequired
from services.auth.domain.login_throttle import LoginAttempts
from services.auth.domain.second_factor import (
    TICKET_TTL,
    LoginTicket,
    SecondFactor,
    normalize_recovery_code,
)
from services.auth.domain.users import User
from services.auth.repository import Repository
from services.chassis.ids import Clock
from services.chassis.security.audit import security_event


class SecondFactorService:
    """Keeps the second factors of users, and checks their codes."""

    def __init__(self, repository: Repository, new_secret: Callable[[], str], clock: Clock) -> None:
        self._repository = repository
        self._new_secret = new_secret
        self._clock = clock

    async def get(self, user_id: str) -> SecondFactor:
        """Return the factor of a user. One state call."""
        return await self._repository.second_factors.get(user_id) or SecondFactor()

    async def begin(self, user_id: str) -> str:
        """Return a new secret, which `confirm` enables. Raises `Conflict`."""
        secret = totp.new_secret()
        await self._repository.second_factors.update(
            user_id, lambda kept: (kept or SecondFactor()).begin(secret)
        )
        return secret

    async def confirm(self, user_id: str, code: str) -> list[str]:
        """Enable the factor with its first code, and return the recovery codes.

        Raises `InvalidCode`, `Conflict` or `LoginThrottled`.
        """
        await self._count_attempt(user_id)
        now = self._now()
        codes = totp.new_recovery_codes()
        hashes = [sha256_hex(normalize_recovery_code(one)) for one in codes]

        def confirm(kept: SecondFactor | None) -> SecondFactor:
            factor = kept or SecondFactor()
            steps = totp.valid_codes(factor.secret, now) if factor.secret else {}
            return factor.confirm(code, steps, hashes)

        await self._repository.second_factors.update(user_id, confirm)
        await self._forget_attempts(user_id)
        security_event("second_factor_enabled", subject=user_id, actor=user_id)
        return codes

    async def disable(self, user_id: str) -> None:
        """Disable the factor. The caller has checked the password. Safe to repeat."""
        was_enabled = (await self.get(user_id)).enabled
        await self._repository.second_factors.update(
            user_id, lambda kept: SecondFactor() if kept else None
        )
        if was_enabled:
            security_event("second_factor_disabled", subject=user_id, actor=user_id)

    async def require(self, user: User) -> None:
        """Raise `SecondFactorRequired` with a ticket, if a user has a factor. One state call."""
        if not (await self.get(user.user_id)).enabled:
            return
        ticket = self._new_secret()
        new = LoginTicket(user.user_id, user.tokens_from, self._now() + TICKET_TTL)
        await self._repository.login_tickets.update(
            sha256_hex(ticket), lambda kept: kept or new, expect_absent=True
        )
        raise SecondFactorRequired(ticket)

    async def redeem(self, ticket: str, code: str, client_id: str) -> User:
        """Return the user whose password was right, if the code is. No code works twice.

        A wrong code leaves the ticket. Raises `LoginOutdated`, `InvalidCode` or
        `LoginThrottled`.
        """
        known = await self._repository.login_tickets.get(sha256_hex(ticket))
        user = await self._repository.users.get(known.user_id) if known else None
        if (
            known is None
            or user is None
            or not user.is_active
            or user.tokens_from != known.tokens_from
            or self._now() >= known.expires_at
        ):
            raise LoginOutdated
        try:
            await self._count_attempt(user.user_id)
            await self._use(user.user_id, code)
        except InvalidCode as failure:
            security_event(
                "login_failed", subject=user.user_id, client_id=client_id, reason=failure.reason
            )
            raise
        await self._forget_attempts(user.user_id)
        return user

    async def _use(self, user_id: str, code: str) -> None:
        now, had = self._now(), 0

        def use(kept: SecondFactor | None) -> SecondFactor:
            nonlocal had
            if kept is None or not kept.enabled:
                raise InvalidCode("wrong_code")
            had = len(kept.recovery_sha256)
            return kept.use(code, totp.valid_codes(kept.secret, now))

        after = await self._repository.second_factors.update(user_id, use)
        if after is not None and len(after.recovery_sha256) < had:
            security_event("recovery_code_used", subject=user_id)

    async def _count_attempt(self, user_id: str) -> None:
        """Count an attempt before its outcome is known, as for passwords."""
        now = self._now()
        await self._repository.login_attempts.update(
            _attempts_key(user_id), lambda kept: (kept or LoginAttempts()).record(now)
        )

    async def _forget_attempts(self, user_id: str) -> None:
        await self._repository.login_attempts.update(
            _attempts_key(user_id), lambda _: LoginAttempts()
        )

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _attempts_key(user_id: str) -> str:
    return sha256_hex(f"second factor {user_id}")
