"""Boosts: posts without a text of their own that show somebody another post.

There is one for each person and post: their mark names it (`Interaction.reblog`). The post is made
after the mark says so, and buried after the mark says that it is over, by the request and again by
whoever hears of the mark; a buried one stays buried. So whatever dies in between, and in whatever
order it is done, one boost or none is left.
"""

from __future__ import annotations

from dataclasses import replace

from services.chassis.errors import Forbidden
from services.posts.domain.interactions import BoostState, Interaction
from services.posts.domain.posts import PostRecord, Visibility, tombstone


def boost_visibility(original: PostRecord, user: str, wanted: Visibility | None) -> Visibility:
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


def with_boost(
    mark: Interaction, author: str, before: BoostState, after: BoostState
) -> Interaction:
    """A mark on somebody's post with another boost, unless one was named meanwhile."""
    return replace(mark, author=author, reblog=after) if mark.reblog == before else mark


def without_boost(mark: Interaction, id: str) -> Interaction:
    """A mark without a boost, unless another one has taken its place."""
    return replace(mark, reblog=mark.reblog.unset()) if mark.reblog.id == id else mark


def boost_post(mark: Interaction, now: str) -> PostRecord:
    """The post that a mark speaks of."""
    return PostRecord(
        id=mark.reblog.id,
        author=mark.user,
        created_at=now,
        visibility=mark.reblog.visibility,
        reblog_of_id=mark.post,
        reblog_of_account_id=mark.author,
    )


def apply_boost_state(there: PostRecord | None, boost: PostRecord, *, on: bool) -> PostRecord:
    """The post as the mark wants it. Also one that was never made is buried, lest it comes late."""
    there = there or boost
    return there if on else tombstone(there)
