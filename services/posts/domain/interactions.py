"""Interactions: what one user did with one post. Events and keys call them marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.storage.list_head import ListHead
from services.posts.domain.posts import Visibility

_NO_BOOST = {"on": False, "id": ""}

MAX_PAST_IDS = 8
"""How many former ids a reaction keeps. After more toggles it keeps its last position in lists."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """A favourite or a bookmark.

    `id` is its position in lists. A reaction that is set anew gets a new id. `past` holds the
    former ids, because a late or repeated handler may still insert one of them into a list.
    """

    on: bool = False
    id: str = ""
    past: tuple[str, ...] = ()

    def set(self, id: str) -> Reaction:
        """Switch the reaction on. A repetition changes nothing."""
        if self.on:
            return self
        if not self.id or len(self.past) >= MAX_PAST_IDS:
            return replace(self, on=True, id=self.id or id)
        return Reaction(on=True, id=id, past=(*self.past, self.id))

    def unset(self) -> Reaction:
        """Switch the reaction off. A repetition changes nothing."""
        return replace(self, on=False) if self.on else self

    @property
    def position(self) -> str:
        """The id while the reaction is on, otherwise empty."""
        return self.id if self.on else ""

    @property
    def removed_ids(self) -> tuple[str, ...]:
        """The ids that no list may contain."""
        return self.past if self.on or not self.id else (*self.past, self.id)


@dataclass(frozen=True, slots=True)
class BoostState:
    """Whether a user boosts a post. `id` is the id of their latest boost post.

    An id is replaced only after its boost post is a tombstone, so no boost post is left behind.
    """

    on: bool = False
    id: str = ""
    visibility: Visibility = "public"

    def unset(self) -> BoostState:
        """Switch the boost off. A repetition changes nothing."""
        return replace(self, on=False) if self.on else self

    @property
    def removed_ids(self) -> tuple[str, ...]:
        """The ids that no list may contain."""
        return (self.id,) if self.id and not self.on else ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """The document `mark:USER:POST`: the source of truth for all lists and counts of reactions.

    `author` is the author of the post, for consumers of the event.
    """

    user: str
    post: str
    author: str = ""
    favourite: Reaction = Reaction()
    bookmark: Reaction = Reaction()
    reblog: BoostState = BoostState()


def without_reactions(interaction: Interaction) -> Interaction:
    """Return an interaction with favourite and bookmark switched off."""
    return replace(
        interaction,
        favourite=interaction.favourite.unset(),
        bookmark=interaction.bookmark.unset(),
    )


def from_first_event(data: Mapping[str, Any]) -> Interaction | None:
    """Return an interaction as it was created. None for a boost: its event does not say all."""
    if data["reblogged"]:
        return None
    return Interaction(
        user=data["user"],
        post=data["post"],
        author=data["author"],
        favourite=Reaction(on=data["favourited"], id=data["favourite_id"]),
        bookmark=Reaction(on=data["bookmarked"], id=data["bookmark_id"]),
    )


def to_public(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event data of an interaction from its JSON document."""
    favourite, bookmark = data["favourite"], data["bookmark"]
    reblog = data.get("reblog", _NO_BOOST)  # absent in documents older than boosts
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


def count_for_viewer(head: ListHead | None, reaction: Reaction | BoostState) -> int:
    """Return how many users favourite (or boost) a post, including the viewer's own reaction.

    The list follows the interactions with a delay, and a viewer must see their own reaction
    counted at once.
    """
    if head is None:
        return 1 if reaction.on else 0
    recent = {row[0] for row in head.recent}
    if reaction.on:
        if reaction.id in recent:
            return head.total
        return head.total + all(reaction.id > segment.high for segment in head.segments)
    return head.total - any(id in recent for id in reaction.removed_ids)
