"""The hashtags that an account follows: one small document for each account."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.chassis.errors import Invalid
from services.chassis.storage.window import Row

MAX_FOLLOWED_TAGS = 200
"""Hashtags that one account can follow. Its document and its event contain all of them."""


@dataclass(frozen=True, slots=True)
class TagSubscriptions:
    """The document `tags:USER`: each followed hashtag, with an id that tells the time."""

    tags: dict[str, str] = field(default_factory=dict)

    def with_tag(self, name: str, id: str) -> TagSubscriptions:
        """Return it with a hashtag, at most once. Raises `Invalid` if there are too many."""
        if name in self.tags:
            return self
        if len(self.tags) >= MAX_FOLLOWED_TAGS:
            raise Invalid(f"At most {MAX_FOLLOWED_TAGS} hashtags can be followed.")
        return replace(self, tags={**self.tags, name: id})

    def without_tag(self, name: str) -> TagSubscriptions:
        """Return it without a hashtag."""
        if name not in self.tags:
            return self
        return replace(self, tags={kept: id for kept, id in self.tags.items() if kept != name})

    def rows(self) -> list[Row]:
        """Return the rows of a list that is sorted by the time of the follow."""
        return [[id, name] for name, id in self.tags.items()]
