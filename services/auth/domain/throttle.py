"""How often a password may be guessed, without letting anybody lock somebody else out for long.

`FREE` guesses are allowed for each name as it is typed; after that the wait doubles with every one,
up to `LONGEST`. So nobody guesses more than some 20 times in the first hour, and 12 in each later
one. What keeps this from being a weapon: no wait is longer than five minutes, and attempts that are
refused are not counted; a username and the e-mail address of the same person are counted apart, and
the address is not public, so that its owner gets in by it while strangers hammer the name; a login
that succeeds clears the count; and tokens that were given out before go on working. Names that
nobody has are counted and refused just so.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.domain.refusals import Throttled

FREE = 8
"""Guesses before the first wait."""

LONGEST = 300
"""Seconds of the longest wait."""

FORGET = 3600
"""Seconds after the last guess in which all are forgotten."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often in a row somebody tried a name without success, and when last."""

    count: int = 0
    last: int = 0

    @property
    def wait(self) -> int:
        """Seconds after the last attempt in which there may be no other."""
        return min(2 ** min(self.count - FREE, 30), LONGEST) if self.count >= FREE else 0

    def another(self, now: int) -> Attempts:
        """With one attempt more, counted before it is known how it ends. Raises `Throttled`."""
        if now - self.last >= FORGET:
            return Attempts(1, now)
        if now < self.last + self.wait:
            raise Throttled(self.last + self.wait - now)
        return Attempts(self.count + 1, now)
