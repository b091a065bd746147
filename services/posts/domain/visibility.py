"""Who may see a post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from services.posts.domain.posts import PostRecord


class Access(Enum):
    """Whether somebody sees a post: `ASK` where it depends on how the author stands to them."""

    ALLOWED = "yes"
    DENIED = "no"
    DEPENDS = "ask"


@dataclass(frozen=True, slots=True)
class AuthorRelationship:
    """How a viewer and an author stand to each other.

    `blocked` is the viewer by the author; `blocking` the author by the viewer; `hidden` the author
    also if the viewer only mutes them.
    """

    follows: bool = False
    blocked: bool = False
    blocking: bool = False
    hidden: bool = False


def check_access(post: PostRecord, viewer: str) -> Access:
    """Whether somebody (nobody in particular, if empty) sees a post."""
    if post.deleted:
        return Access.DENIED
    if post.author == viewer:
        return Access.ALLOWED
    if not viewer:
        return Access.ALLOWED if is_open_to_everyone(post) else Access.DENIED
    if post.visibility == "direct" and not is_mentioned(post, viewer):
        return Access.DENIED
    return Access.DEPENDS


def is_visible_to(post: PostRecord, viewer: str, relation: AuthorRelationship) -> bool:
    """The answer where `sight` said `ASK`."""
    if relation.blocked:
        return False
    return is_open_to_everyone(post) or relation.follows or is_mentioned(post, viewer)


def is_open_to_everyone(post: PostRecord) -> bool:
    """Whether a post is for everybody, but for those whom its author blocks."""
    return post.visibility in ("public", "unlisted")


def is_shown_in_thread(relation: AuthorRelationship | None) -> bool:
    """Whether an author's posts belong into a thread that a viewer is shown."""
    return relation is None or not (relation.blocked or relation.hidden)


def is_mentioned(post: PostRecord, viewer: str) -> bool:
    """Whether a post names somebody."""
    return any(mention.id == viewer for mention in post.mentions)


def reparent(post: PostRecord, answered: PostRecord, above: PostRecord) -> PostRecord:
    """A post as an answer to another one above it, since what it answered is deleted.

    It stays as it is where that would tell of a post that its readers may not know of.
    """
    if post.deleted or above.deleted or not answered.deleted or post.in_reply_to_id != answered.id:
        return post
    if not (
        is_open_to_everyone(above)
        or is_open_to_everyone(answered)
        or _has_only_participants_of(post, above)
    ):
        return post
    return replace(post, in_reply_to_id=above.id, in_reply_to_account_id=above.author)


def _has_only_participants_of(post: PostRecord, above: PostRecord) -> bool:
    """Whether a post is only for people who are named in, or wrote, the one above."""
    return post.visibility == "direct" and participants(post) <= participants(above)


def participants(post: PostRecord) -> set[str]:
    """Who made a post, and whom it names."""
    return {post.author, *(mention.id for mention in post.mentions)}
