"""Suggestions of accounts to follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.users.domain.profiles import UserProfile

MAX_FOLLOWED_SCANNED = 20
"""Followed accounts whose own follows are read, the newest first."""

MAX_FOLLOWED_EACH = 40
"""Follows of each of them that are read, the newest first."""

MAX_NEWEST = 60
"""Newest accounts that are considered."""

MAX_CANDIDATES = 120
"""Accounts that are read."""

MAX_DISMISSED = 500

Reason = Literal["friends_of_friends", "new"]


@dataclass(frozen=True, slots=True)
class DismissedSuggestions:
    """The document `dismissed:ID`: accounts not to suggest. The oldest are dropped."""

    ids: tuple[str, ...] = ()

    def with_id(self, id: str) -> DismissedSuggestions:
        """Return it with an account, at most once."""
        return self if id in self.ids else DismissedSuggestions((*self.ids, id)[-MAX_DISMISSED:])


def candidates(
    theirs: Iterable[Sequence[str]], newest: Sequence[str], never: set[str]
) -> dict[str, Reason]:
    """Return the candidates, best first: by the number of followed accounts that follow them.

    Of equals the newest account comes first. The newest accounts of all follow at the end.
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
    """Return whether an account lets strangers find it."""
    return profile.discoverable and not profile.is_hidden
