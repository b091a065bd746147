"""A reader of timelines, and what they may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.feed.domain.interactions import PINNED, RecentInteractions
from services.feed.domain.relations import ReaderRelations
from services.feed.domain.rows import AUTHOR_ID, FLAGS, FROM_TAG, REBLOG, Row


@dataclass(frozen=True, slots=True)
class Reader:
    """A user with their relations, or an anonymous reader with an empty id.

    A reader sees the account whose timeline they open (`visited_author`) even if they hide it.
    """

    id: str = ""
    relations: ReaderRelations = field(default_factory=ReaderRelations)
    interactions: RecentInteractions = field(default_factory=RecentInteractions)
    visited_author: str = ""

    def can_see(self, post: Mapping[str, Any]) -> bool:
        """Return whether a post is visible to the reader."""
        author = post["author"]
        if self.id and author == self.id:
            return True
        if author != self.visited_author and not self.relations.can_see(author):
            return False
        if post["visibility"] in ("public", "unlisted"):
            return True
        if self.id and any(mention["id"] == self.id for mention in post["mentions"]):
            return True
        return post["visibility"] == "private" and author in self.relations.follows

    def belongs_at_home(self, row: Row) -> bool:
        """Return whether a row belongs into the reader's home.

        It does if it is their own, or by an account or with a hashtag that they follow.
        """
        author, flags = row[AUTHOR_ID], row[FLAGS]
        if author == self.id:
            return True
        if not self.relations.can_see(author):
            return False
        if flags & FROM_TAG:
            return True
        if author not in self.relations.follows:
            return False
        return not flags & REBLOG or author not in self.relations.quiet

    def interaction_flags(self, post: Mapping[str, Any], flags: int) -> int:
        """Return the flags of the reader's interactions with a post, and whether they pinned it."""
        is_pinned = post["author"] == self.id and post["id"] in self.relations.pins
        return flags | PINNED if is_pinned else flags
