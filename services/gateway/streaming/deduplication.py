"""Which posts and notifications were broadcast before, and so whether an event is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

from services.chassis.ids import id_time
from services.contracts.posts import Post

MAX_EVENT_AGE = 300.0
"""Seconds after which a post or an edit is too old for an event. An old post that changes for a
reason which readers do not see is not sent to them as a new one."""

_MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class SeenPost:
    """The newest known state of a post.

    `tags` are all hashtags that it ever had. `recipients` are remembered where they cannot be found
    out again.
    """

    version: int
    edited_at: str | None
    tags: frozenset[str] = frozenset()
    recipients: Sequence[str] = ()


class PostDeduplicator:
    """Remembers the posts that changed last."""

    def __init__(self, max_posts: int = _MAX_REMEMBERED) -> None:
        self._seen: LRUCache[str, SeenPost] = LRUCache(max_posts)

    def __len__(self) -> int:
        return len(self._seen)

    def event_for(self, post: Post, version: int, now: float) -> str:
        """The name of the event for this state of a post; empty if no event is due."""
        known = self._seen.get(post.id)
        if known and version <= known.version:
            return ""
        self._record(post, version, known)
        if post.deleted:
            return "delete"
        if known:
            return "status.update" if post.edited_at != known.edited_at else ""
        if now - id_time(post.id).timestamp() < MAX_EVENT_AGE:
            return "update"
        edited_at = post.edited_at
        if edited_at and now - datetime.fromisoformat(edited_at).timestamp() < MAX_EVENT_AGE:
            return "status.update"
        return ""

    def _record(self, post: Post, version: int, known: SeenPost | None) -> None:
        tags, recipients = (known.tags, known.recipients) if known else (frozenset[str](), ())
        seen = SeenPost(version, post.edited_at, tags.union(post.tags), recipients)
        self._seen[post.id] = seen

    def recipients(self, id: str) -> Sequence[str]:
        """The users to whom a direct post was sent."""
        known = self._seen.get(id)
        return known.recipients if known else ()

    def tags(self, id: str) -> frozenset[str]:
        """All hashtags that a post ever had, as far as it is remembered."""
        known = self._seen.get(id)
        return known.tags if known else frozenset()

    def record_recipients(self, id: str, users: Sequence[str]) -> None:
        """Remember the users to whom a post was sent."""
        if id in self._seen:
            self._seen[id].recipients = users


class IdDeduplicator:
    """Remembers the ids that came last."""

    def __init__(self, max_ids: int = _MAX_REMEMBERED) -> None:
        self._ids: LRUCache[str, None] = LRUCache(max_ids)

    def is_first(self, id: str) -> bool:
        """Whether an id comes for the first time, as far as it is remembered."""
        if id in self._ids:
            return False
        self._ids[id] = None
        return True
