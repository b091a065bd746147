"""Boosts: posts without a text of their own that show somebody another post.

There is one for each person and post: their mark names it (`Mark.reblog`). The post is made after
the mark says so, and buried after the mark says that it is over, by the request and again by
whoever hears of the mark; a buried one stays buried. So whatever dies in between, and in whatever
order it is done, one boost or none is left.
"""

from __future__ import annotations

from dataclasses import replace

from services.chassis.errors import Forbidden
from services.posts.domain.marks import Boost, Mark
from services.posts.domain.posts import Post, Visibility, tombstone


def visibility_of(original: Post, user: str, wanted: Visibility | None) -> Visibility:
    """Who shall see a boost. Raises `Forbidden` for what is not there to be passed on.

    Followers-only posts are for their author to boost, and for the same followers.
    """
    if original.visibility == "direct":
        raise Forbidden("A direct message cannot be boosted.")
    if original.visibility != "private":
        return wanted or "public"
    if original.author != user:
        raise Forbidden("A followers-only post can be boosted by its author alone.")
    return "private"


def boosting(mark: Mark, author: str, before: Boost, after: Boost) -> Mark:
    """A mark on somebody's post with another boost, unless one was named meanwhile."""
    return replace(mark, author=author, reblog=after) if mark.reblog == before else mark


def unboosting(mark: Mark, id: str) -> Mark:
    """A mark without a boost, unless another one has taken its place."""
    return replace(mark, reblog=mark.reblog.unset()) if mark.reblog.id == id else mark


def boost_of(mark: Mark, now: str) -> Post:
    """The post that a mark speaks of."""
    return Post(
        id=mark.reblog.id,
        author=mark.user,
        created_at=now,
        visibility=mark.reblog.visibility,
        reblog_of_id=mark.post,
        reblog_of_account_id=mark.author,
    )


def agreed(there: Post | None, boost: Post, *, on: bool) -> Post:
    """The post as the mark wants it. Also one that was never made is buried, lest it comes late."""
    there = there or boost
    return there if on else tombstone(there)
