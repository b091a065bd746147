"""What a reader did with posts, as flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FAVOURITED, BOOKMARKED, REBLOGGED, PINNED = 1, 2, 4, 8

MAX_RECENT_INTERACTIONS = 300
"""How many interactions the document of recent ones keeps before the oldest are evicted."""

_EVICTION_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class InteractionFlags:
    """The document `mark:USER:POST`: the flags of one user for one post."""

    flags: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class RecentInteractions:
    """The document `marks:USER`: `{post: (flags, version)}` for the newest posts.

    The interactions with posts up to `floor` are stored separately (`InteractionFlags`).
    """

    posts: dict[str, tuple[int, int]] = field(default_factory=dict)
    floor: str = ""

    def apply(self, post: str, flags: int, version: int) -> RecentInteractions:
        """Return the interactions after an event, unless the post is below the floor."""
        if post <= self.floor or version <= self.posts.get(post, (0, 0))[1]:
            return self
        return replace(self, posts={**self.posts, post: (flags, version)})

    def flags_for(self, post: str) -> int:
        """Return the flags for a recent post."""
        return self.posts.get(post, (0, 0))[0]

    def overflow(self) -> dict[str, tuple[int, int]]:
        """Return the oldest interactions that have to be evicted, if there are too many."""
        if len(self.posts) <= MAX_RECENT_INTERACTIONS:
            return {}
        return {post: self.posts[post] for post in sorted(self.posts)[:_EVICTION_BATCH_SIZE]}

    def without_evicted(self, older: Mapping[str, tuple[int, int]]) -> RecentInteractions:
        """Return the interactions without evicted ones, unless one of those changed meanwhile."""
        if any(self.posts.get(post) != flags for post, flags in older.items()):
            return self
        kept = {post: flags for post, flags in self.posts.items() if post not in older}
        floor = max(older)
        return self if min(kept, default="~") < floor else RecentInteractions(kept, floor)
