"""Claims on a username or an e-mail address: what keeps two people from having the same one.

Registration takes three steps, each a compare-and-swap of one document: claim the e-mail address,
claim the name, make the person. Only the last one counts: a person is registered if and only if the
person's document exists. A crash before it leaves claims that name somebody who does not exist:

- the same name with the same address, tried again, adopts the claim and the user id in it, so that
  whoever tries can go on at once, and two who try at once make at most one person;
- anybody else may take such a claim over when it is `STALE`. Whoever made it has given up by then:
  no person is made later than `GIVE_UP` after the first claim, a commit is tried for 8 s at most,
  and one whose outcome is unknown has settled 8 s after that.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from services.auth.domain.refusals import BadFields

STALE = 60
"""Seconds after which a claim counts only if the person it names exists."""

GIVE_UP = 30
"""Seconds after its first claim in which a registration must come to its last step."""

TAKEN = "has already been taken"


@dataclass(frozen=True, slots=True)
class Claim:
    """On a name or an address: for whom, and when, in seconds since 1970. Free if for nobody."""

    user_id: str
    login: str
    at: int

    def claimed_by(self, other: Claim, absent: Set[str]) -> bool:
        """Whether another may have what this is a claim on."""
        if not self.user_id or self.user_id == other.user_id:
            return True
        return other.at - self.at >= STALE and self.user_id in absent


def claim_email(held: Claim | None, mine: Claim, absent: Set[str]) -> Claim:
    """The claim on an address after somebody asked for it; with the user id to go on with.

    `absent` are user ids that were looked for and are nobody's. Raises `BadFields`.
    """
    if held is not None and held.user_id and held.login == mine.login:
        return replace(held, at=mine.at)
    if held is not None and not held.claimed_by(mine, absent):
        raise BadFields({"email": [TAKEN]})
    return mine


def claim_login(held: Claim | None, mine: Claim, absent: Set[str]) -> Claim:
    """The claim on a name after somebody asked for it. Raises `BadFields`."""
    if held is not None and not held.claimed_by(mine, absent):
        raise BadFields({"username": [TAKEN]})
    return mine


def release(held: Claim | None, mine: Claim) -> Claim | None:
    """The claim given back, unless it is another's by now."""
    if held is None or held.user_id != mine.user_id:
        return held
    return replace(held, user_id="")
