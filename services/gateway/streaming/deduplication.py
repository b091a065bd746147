"""What was heard of a post before, and so whether there is news of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.chassis.ids import id_time
from services.contracts.posts import Post

MAX_EVENT_AGE = 300.0
"""Seconds after which a post or an edit is no news. What is said of an old post, for a reason that
its readers do not see, is not shown to them as a new one."""

_MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class SeenPost:
    """What was last heard of a post, and who was told, where that can be found out but once.

    `tags` are all that it ever had.
    """

    version: int
    edited_at: str | None
    tags: frozenset[str] = frozenset()
    recipients: Sequence[str] = ()


class PostDeduplicator:
    """What was heard of the posts that were last spoken of."""

    def __init__(self, remembered: int = _MAX_REMEMBERED) -> None:
        self._seen: OrderedDict[str, SeenPost] = OrderedDict()
        self._remembered = remembered

    def __len__(self) -> int:
        return len(self._seen)

    def event_for(self, post: Post, version: int, now: float) -> str:
        """Which event tells of this state of a post; empty where it is nothing new."""
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
        had, told = (known.tags, known.recipients) if known else (frozenset[str](), ())
        self._seen[post.id] = SeenPost(version, post.edited_at, had.union(post.tags), told)
        self._seen.move_to_end(post.id)
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)

    def recipients(self, id: str) -> Sequence[str]:
        """Who was told of a post."""
        known = self._seen.get(id)
        return known.recipients if known else ()

    def tags(self, id: str) -> frozenset[str]:
        """All hashtags under which a post was found."""
        known = self._seen.get(id)
        return known.tags if known else frozenset()

    def record_recipients(self, id: str, people: Sequence[str]) -> None:
        """Remember who was told of a post."""
        if id in self._seen:
            self._seen[id].recipients = people


class IdDeduplicator:
    """Which ids came before."""

    def __init__(self, remembered: int = _MAX_REMEMBERED) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._remembered = remembered

    def is_first(self, id: str) -> bool:
        """Whether an id comes for the first time, as far as is remembered."""
        if id in self._ids:
            return False
        self._ids[id] = None
        if len(self._ids) > self._remembered:
            self._ids.popitem(last=False)
        return True
