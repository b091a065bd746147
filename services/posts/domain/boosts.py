"""Boosts: posts without text that show another post.

Each user has at most one boost of a post. The user's interaction with the post names it
(`Interaction.reblog`). A boost post is created after the interaction names it, and deleted after
the interaction is switched off: by the request, and again by the consumer of the interaction. A
deleted boost stays deleted. So one boost or none remains, whatever fails and in whatever order the
handlers run.
"""

from __future__ import annotations

from dataclasses import replace

from services.chassis.errors import Forbidden
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import BoostState, Interaction
from services.posts.domain.posts import PostRecord, Visibility


def boost_visibility(original: PostRecord, user: str, wanted: Visibility | None) -> Visibility:
    """Return the visibility of a boost. Raises `Forbidden` for a post that cannot be boosted.

    Only the author can boost a followers-only post, for the same followers.
    """
    if original.visibility == "direct":
        raise Forbidden("A direct message cannot be boosted.")
    if original.visibility != "private":
        return wanted or "public"
    if original.author != user:
        raise Forbidden("Only its author can boost a followers-only post.")
    return "private"


def with_boost(
    interaction: Interaction, author: str, before: BoostState, after: BoostState
) -> Interaction:
    """Return an interaction with another boost, unless it changed since `before` was read."""
    if interaction.reblog != before:
        return interaction
    return replace(interaction, author=author, reblog=after)


def without_boost(interaction: Interaction, id: str) -> Interaction:
    """Return an interaction with the boost of this id switched off."""
    if interaction.reblog.id != id:
        return interaction
    return replace(interaction, reblog=interaction.reblog.unset())


def boost_post(interaction: Interaction, now: str) -> PostRecord:
    """Return the boost post that an interaction names."""
    return PostRecord(
        id=interaction.reblog.id,
        author=interaction.user,
        created_at=now,
        visibility=interaction.reblog.visibility,
        reblog_of_id=interaction.post,
        reblog_of_account_id=interaction.author,
    )


def apply_boost_state(there: PostRecord | None, boost: PostRecord, *, on: bool) -> PostRecord:
    """Return the boost post as the interaction wants it.

    A boost that was never created gets a tombstone too, so that a late creation has no effect.
    """
    there = there or boost
    return there if on else tombstone(there)
