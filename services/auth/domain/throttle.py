"""How often a password may be guessed, without letting anybody lock somebody else out for long.

Ten failures within ten minutes are allowed for each name as it is typed. What keeps this from being
a weapon: attempts that are refused are not counted, so a lock ends ten minutes after the failures
that made it; a username and the e-mail address of the same person are counted apart, and the
address is not public, so that its owner gets in by it while strangers hammer the name; a login that
succeeds clears the count; and tokens that were given out before go on working.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from services.auth.domain.refusals import Throttled

MOST = 10
WINDOW = 600
"""Seconds for which a failure counts."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """When somebody tried a name without success, in seconds since 1970."""

    at: list[int] = field(default_factory=list)

    def another(self, now: int) -> Attempts:
        """With one attempt more, counted before it is known how it ends. Raises `Throttled`."""
        recent = [at for at in self.at if at > now - WINDOW]
        if len(recent) >= MOST:
            raise Throttled(recent[-MOST] + WINDOW - now)
        return Attempts([*recent, now])
