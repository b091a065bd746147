"""What one person did with one post, and how lists of it are made to agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.storage.segmented_list import ListHead
from services.posts.domain.posts import Visibility

_NO_BOOST = {"on": False, "id": ""}
MAX_PAST_IDS = 8
"""How many ids a reaction may have had: who toggles more often keeps the last place in lists."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """A favourite or a bookmark.

    `id` is its place in lists. A reaction that is made anew gets a new one; `past` remembers the
    others, since a late or repeated handler may still put one of them into a list.
    """

    on: bool = False
    id: str = ""
    past: tuple[str, ...] = ()

    def set(self, id: str) -> Reaction:
        """Made; a repeat changes nothing."""
        if self.on:
            return self
        if not self.id or len(self.past) >= MAX_PAST_IDS:
            return replace(self, on=True, id=self.id or id)
        return Reaction(on=True, id=id, past=(*self.past, self.id))

    def unset(self) -> Reaction:
        """Taken back; a repeat changes nothing."""
        return replace(self, on=False) if self.on else self

    @property
    def position(self) -> str:
        """Its id while it is made, else nothing."""
        return self.id if self.on else ""

    @property
    def removed_ids(self) -> tuple[str, ...]:
        """The ids that no list may hold."""
        return self.past if self.on or not self.id else (*self.past, self.id)


@dataclass(frozen=True, slots=True)
class BoostState:
    """Whether somebody boosts a post, and by which post of their own: `id`, the last they made.

    An id gives way to another only when its post is a tombstone (`boosts.py`): none is forgotten.
    """

    on: bool = False
    id: str = ""
    visibility: Visibility = "public"

    def unset(self) -> BoostState:
        """Taken back; a repeat changes nothing."""
        return replace(self, on=False) if self.on else self

    @property
    def removed_ids(self) -> tuple[str, ...]:
        """The id that no list may hold."""
        return (self.id,) if self.id and not self.on else ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """What one person did with one post: the truth that all lists and counts follow.

    `author` is whose post it is, which whoever tells them of it needs to know.
    """

    user: str
    post: str
    author: str = ""
    favourite: Reaction = Reaction()
    bookmark: Reaction = Reaction()
    reblog: BoostState = BoostState()


def without_reactions(mark: Interaction) -> Interaction:
    """Without any reaction."""
    return replace(mark, favourite=mark.favourite.unset(), bookmark=mark.bookmark.unset())


def to_public(data: Mapping[str, Any]) -> dict[str, Any]:
    """What others hear of a mark, from its document as JSON."""
    favourite, bookmark = data["favourite"], data["bookmark"]
    reblog = data.get("reblog", _NO_BOOST)  # not there in what was written before there were boosts
    return {
        "user": data["user"],
        "post": data["post"],
        "author": data.get("author", ""),
        "favourited": favourite["on"],
        "favourite_id": favourite["id"] if favourite["on"] else "",
        "bookmarked": bookmark["on"],
        "bookmark_id": bookmark["id"] if bookmark["on"] else "",
        "reblogged": reblog["on"],
        "reblog_id": reblog["id"] if reblog["on"] else "",
    }


def count_for_viewer(head: ListHead | None, favourite: Reaction | BoostState) -> int:
    """How many like (or boost) a post, as its list says, and as somebody knows of themself.

    The list follows the marks a moment later; who has just liked a post shall see it counted.
    """
    if head is None:
        return 1 if favourite.on else 0
    recent = {row[0] for row in head.recent}
    if favourite.on:
        if favourite.id in recent:
            return head.total
        return head.total + all(favourite.id > span.high for span in head.spans)
    return head.total - any(id in recent for id in favourite.removed_ids)
