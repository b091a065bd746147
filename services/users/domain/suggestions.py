"""Whom somebody might want to follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from services.users.domain.profiles import UserProfile

MAX_FOLLOWED_SCANNED = 20
"""Of how many of those whom one follows it is looked at whom they follow, the newest first."""

MAX_FOLLOWED_EACH = 40
"""How many of those whom each of them follows are looked at, the newest first."""

MAX_NEWEST = 60
"""How many of the newest people are looked at."""

MAX_CANDIDATES = 120
"""How many people are looked at closely."""

Reason = Literal["friends_of_friends", "new"]


def candidates(
    theirs: Iterable[Sequence[str]], newest: Sequence[str], never: set[str]
) -> dict[str, Reason]:
    """Who might be suggested, best first: by how many whom one follows they are followed.

    Among equals those who joined last come first; then the newest people of all.
    """
    times = Counter(id for ids in theirs for id in set(ids) if id not in never)
    known = sorted(times, key=lambda id: (times[id], id), reverse=True)[
        : MAX_CANDIDATES - MAX_NEWEST
    ]
    found: dict[str, Reason] = dict.fromkeys(known, "friends_of_friends")
    for id in newest:
        if id not in never:
            found.setdefault(id, "new")
    return found


def is_suggestible(profile: UserProfile) -> bool:
    """Whether somebody wants to be found by who does not know them."""
    return profile.discoverable and not profile.is_hidden
