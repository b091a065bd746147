"""Who may see a post."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from services.posts.domain.posts import Post


class Sight(Enum):
    """Whether somebody sees a post: `ASK` where it depends on how the author stands to them."""

    YES = "yes"
    NO = "no"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Relation:
    """How a viewer and an author stand to each other.

    `blocked` is the viewer by the author; `blocking` the author by the viewer; `hidden` the author
    also if the viewer only mutes them.
    """

    follows: bool = False
    blocked: bool = False
    blocking: bool = False
    hidden: bool = False


def sight(post: Post, viewer: str) -> Sight:
    """Whether somebody (nobody in particular, if empty) sees a post."""
    if post.deleted:
        return Sight.NO
    if post.author == viewer:
        return Sight.YES
    if not viewer:
        return Sight.YES if is_open(post) else Sight.NO
    if post.visibility == "direct" and not is_mentioned(post, viewer):
        return Sight.NO
    return Sight.ASK


def sees(post: Post, viewer: str, relation: Relation) -> bool:
    """The answer where `sight` said `ASK`."""
    if relation.blocked:
        return False
    return is_open(post) or relation.follows or is_mentioned(post, viewer)


def is_open(post: Post) -> bool:
    """Whether a post is for everybody, but for those whom its author blocks."""
    return post.visibility in ("public", "unlisted")


def is_wanted(relation: Relation | None) -> bool:
    """Whether an author's posts belong into a thread that a viewer is shown."""
    return relation is None or not (relation.blocked or relation.hidden)


def is_mentioned(post: Post, viewer: str) -> bool:
    """Whether a post names somebody."""
    return any(mention.id == viewer for mention in post.mentions)
