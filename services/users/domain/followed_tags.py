"""Which hashtags somebody follows: one small document for each person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.chassis.errors import Invalid
from services.chassis.storage.window import Row

MAX_FOLLOWED_TAGS = 200
"""How many hashtags one may follow. The document holds them all, and is told whole."""


@dataclass(frozen=True, slots=True)
class TagSubscriptions:
    """The document `tags:USER`: each hashtag with the id that says since when."""

    tags: dict[str, str] = field(default_factory=dict)

    def with_tag(self, name: str, id: str) -> TagSubscriptions:
        """With a hashtag; a repeat changes nothing. Raises `Invalid` for too many."""
        if name in self.tags:
            return self
        if len(self.tags) >= MAX_FOLLOWED_TAGS:
            raise Invalid(f"At most {MAX_FOLLOWED_TAGS} hashtags can be followed.")
        return replace(self, tags={**self.tags, name: id})

    def without_tag(self, name: str) -> TagSubscriptions:
        """Without a hashtag."""
        if name not in self.tags:
            return self
        return replace(self, tags={kept: id for kept, id in self.tags.items() if kept != name})

    def rows(self) -> list[Row]:
        """As rows of a list that is sorted by when they were followed."""
        return [[id, name] for name, id in self.tags.items()]
