"""Rules for who may see a post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from services.posts.domain.posts import PostRecord


class Access(Enum):
    """Whether a viewer may see a post. `DEPENDS` on the author's relationship to the viewer."""

    ALLOWED = "allowed"
    DENIED = "denied"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True)
class AuthorRelationship:
    """The relationship between a viewer and an author.

    `follows`: the viewer follows the author. `blocked`: the author blocks the viewer. `blocking`:
    the viewer blocks the author. `hidden`: the viewer blocks or mutes the author.
    """

    follows: bool = False
    blocked: bool = False
    blocking: bool = False
    hidden: bool = False


def check_access(post: PostRecord, viewer: str) -> Access:
    """Return whether a viewer sees a post. An empty viewer is anonymous."""
    if post.deleted:
        return Access.DENIED
    if post.author == viewer:
        return Access.ALLOWED
    if not viewer:
        return Access.ALLOWED if is_open_to_everyone(post) else Access.DENIED
    if post.visibility == "direct" and not is_mentioned(post, viewer):
        return Access.DENIED
    return Access.DEPENDS


def is_visible_to(post: PostRecord, viewer: str, relationship: AuthorRelationship) -> bool:
    """Decide the case in which `check_access` returned `DEPENDS`."""
    if relationship.blocked:
        return False
    return is_open_to_everyone(post) or relationship.follows or is_mentioned(post, viewer)


def is_open_to_everyone(post: PostRecord) -> bool:
    """Return whether everybody may see a post except users blocked by its author."""
    return post.visibility in ("public", "unlisted")


def is_shown_in_thread(relationship: AuthorRelationship | None) -> bool:
    """Return whether a thread shows the posts of an author to a viewer."""
    return relationship is None or not (relationship.blocked or relationship.hidden)


def is_mentioned(post: PostRecord, viewer: str) -> bool:
    """Return whether a post mentions a user."""
    return any(mention.id == viewer for mention in post.mentions)


def reparent(post: PostRecord, answered: PostRecord, above: PostRecord) -> PostRecord:
    """Return a reply to the deleted post `answered` as a reply to a post above it.

    The reply stays unchanged where the new parent would reveal a post that its readers may not
    know about.
    """
    if post.deleted or above.deleted or not answered.deleted or post.in_reply_to_id != answered.id:
        return post
    is_open = is_open_to_everyone(above) or is_open_to_everyone(answered)
    if not (is_open or _has_only_participants_of(post, above)):
        return post
    return replace(post, in_reply_to_id=above.id, in_reply_to_account_id=above.author)


def _has_only_participants_of(post: PostRecord, above: PostRecord) -> bool:
    """Return whether only the author and the mentioned users of `above` can see a post."""
    return post.visibility == "direct" and participants(post) <= participants(above)


def participants(post: PostRecord) -> set[str]:
    """Return the author of a post and the users it mentions."""
    return {post.author, *(mention.id for mention in post.mentions)}
