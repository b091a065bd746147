"""Who may see a post."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


def moved_up(post: Post, answered: Post, above: Post) -> Post:
    """A post as an answer to another one above it, since what it answered is deleted.

    It stays as it is where that would tell of a post that its readers may not know of.
    """
    if post.deleted or above.deleted or not answered.deleted or post.in_reply_to_id != answered.id:
        return post
    if not (is_open(above) or is_open(answered) or _all_are_in(post, above)):
        return post
    return replace(post, in_reply_to_id=above.id, in_reply_to_account_id=above.author)


def _all_are_in(post: Post, above: Post) -> bool:
    """Whether a post is only for people who are named in, or wrote, the one above."""
    return post.visibility == "direct" and people_in(post) <= people_in(above)


def people_in(post: Post) -> set[str]:
    """Who made a post, and whom it names."""
    return {post.author, *(mention.id for mention in post.mentions)}
