"""Which OAuth scopes cover which others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

_FOLLOW_NOUNS = ("follows", "blocks", "mutes")
"""What the old scope `follow` covers, see <https://docs.joinmastodon.org/api/oauth-scopes/>."""


def covers(held: Iterable[str], scope: str) -> bool:
    """Return whether one of some scopes covers a scope: the scope itself, or a coarser one.

    `read` covers `read:statuses`; `follow` covers follows, blocks and mutes.
    """
    return not _covering(scope).isdisjoint(held)


@lru_cache(maxsize=256)
def _covering(scope: str) -> frozenset[str]:
    outer, _, noun = scope.rpartition(":")
    return frozenset({scope, outer, *(["follow"] if noun in _FOLLOW_NOUNS else ())})
