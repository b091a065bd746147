"""Filters of timelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.feed.domain.rows import FLAGS, MEDIA, REBLOG, REPLY, Row


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which posts of the timeline of an account, or of a shared one, a reader wants."""

    only_media: bool = False
    exclude_replies: bool = False
    exclude_reblogs: bool = False
    tagged: str = ""
    with_all: tuple[str, ...] = ()
    with_none: tuple[str, ...] = ()

    def matches_post(self, post: Mapping[str, Any]) -> bool:
        """Return whether a post has all required hashtags and no excluded one."""
        tags = post["tags"]
        if self.tagged and self.tagged.lower() not in tags:
            return False
        return set(self.with_all) <= set(tags) and not set(tags) & set(self.with_none)

    def matches_row(self, row: Row) -> bool:
        """Return whether the flags of a row match."""
        unwanted = REPLY if self.exclude_replies else 0
        unwanted |= REBLOG if self.exclude_reblogs else 0
        wanted = MEDIA if self.only_media else 0
        return not row[FLAGS] & unwanted and row[FLAGS] & wanted == wanted


NO_FILTER = TimelineFilter()
