"""Limits password guesses. No one can lock another user out for long.

`MAX_FREE_ATTEMPTS` guesses are allowed for each login as typed. After that the delay doubles with
every guess, up to `MAX_DELAY`: some 20 guesses in the first hour, and 12 in each later hour. The
limit is no weapon: no delay exceeds five minutes, and refused attempts do not count. A username and
the e-mail address of the same user have separate counts, and the address is not public, so its
owner can log in by address while strangers guess by username. A successful login resets the count.
Issued tokens keep working. Logins that do not exist are counted and refused in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.domain.errors import LoginThrottled

MAX_FREE_ATTEMPTS = 8
"""Attempts before the first delay."""

MAX_DELAY = 300
"""Seconds."""

ATTEMPTS_TTL = 3600
"""Seconds after the last attempt, after which the count starts anew."""


@dataclass(frozen=True, slots=True)
class LoginAttempts:
    """The number of consecutive failed attempts under a login, and the time of the last."""

    count: int = 0
    last: int = 0

    @property
    def delay(self) -> int:
        """Seconds after the last attempt, before which no other is allowed."""
        return (
            min(2 ** min(self.count - MAX_FREE_ATTEMPTS, 30), MAX_DELAY)
            if self.count >= MAX_FREE_ATTEMPTS
            else 0
        )

    def record(self, now: int) -> LoginAttempts:
        """Count one more attempt, before its outcome is known. Raises `LoginThrottled`."""
        if now - self.last >= ATTEMPTS_TTL:
            return LoginAttempts(1, now)
        if now < self.last + self.delay:
            raise LoginThrottled(self.last + self.delay - now)
        return LoginAttempts(self.count + 1, now)
