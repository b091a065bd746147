"""The second factor of a login: codes of an app (TOTP, RFC 6238), and recovery codes.

A code is used by a compare-and-swap of the document. So no code works twice, also not at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.auth.domain.clients import sha256_hex
from services.auth.domain.errors import InvalidCode
from services.chassis.errors import Conflict

RECOVERY_CODES = 10
TICKET_TTL = 300
"""Seconds between the password and the code."""


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The second factor of a user. Of recovery codes only the hashes are stored.

    `last_step` is the time step of the last code that was used. No code of this step or of an
    earlier one works again. A secret that is not `enabled` waits for its first code.
    """

    secret: str = ""
    enabled: bool = False
    last_step: int = 0
    recovery_sha256: list[str] = field(default_factory=list)

    def begin(self, secret: str) -> SecondFactor:
        """Return the factor with a new secret, to be confirmed. Raises `Conflict`."""
        if self.enabled:
            raise Conflict("The second factor is enabled already. Disable it first.")
        return SecondFactor(secret)

    def confirm(self, code: str, steps: Mapping[str, int], recovery: list[str]) -> SecondFactor:
        """Return the factor enabled by its first code. Raises `InvalidCode` or `Conflict`.

        `steps` are the steps of the codes that are valid now; `recovery` are the hashes.
        """
        if self.enabled:
            raise Conflict("The second factor is enabled already.")
        used = self._use_step(code, steps)
        return replace(used, enabled=True, recovery_sha256=recovery)

    def use(self, code: str, steps: Mapping[str, int]) -> SecondFactor:
        """Return the factor after a login with a code. Raises `InvalidCode`."""
        hashed = sha256_hex(normalize_recovery_code(code))
        if hashed in self.recovery_sha256:
            left = [one for one in self.recovery_sha256 if one != hashed]
            return replace(self, recovery_sha256=left)
        return self._use_step(code, steps)

    def _use_step(self, code: str, steps: Mapping[str, int]) -> SecondFactor:
        step = steps.get(code.replace(" ", ""))
        if step is None:
            raise InvalidCode("wrong_code")
        if step <= self.last_step:
            raise InvalidCode("code_replayed")
        return replace(self, last_step=step)


@dataclass(frozen=True, slots=True)
class LoginTicket:
    """A login whose password was right, and whose code is still to come."""

    user_id: str
    tokens_from: int
    expires_at: int


def normalize_recovery_code(text: str) -> str:
    """Return the form in which recovery codes are compared."""
    return "".join(text.split()).replace("-", "").upper()
