"""The interactions of recipients with a post: favourites, bookmarks, boosts, pins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import cast

from services.chassis.errors import ServiceError
from services.clients.json_types.posts import PostJson, PostMarksJson, PostViewJson
from services.contracts.audiences import MAX_USERS
from services.gateway.container import Gateway

LOOKUP_TIMEOUT = 2.0
"""Seconds after which an event is sent without interactions."""

log = logging.getLogger(__name__)

InteractionsByUser = dict[str, PostMarksJson]

NO_INTERACTIONS = PostMarksJson(favourited=False, bookmarked=False, reblogged=False, pinned=False)
"""Those of who has done nothing with a post."""


async def interactions_of(
    gateway: Gateway, view: PostViewJson, people: Sequence[str]
) -> InteractionsByUser:
    """By user the `PostMarks` of a post, or of the boosted post.

    Users without an interaction are left out. Costs one call, which costs posts one state call, for
    every `MAX_USERS` users, however many connections they have. If the call fails, no interactions
    are known: events are not lost for it.
    """
    post = (view["reblog"] or view)["post"]
    parts = [people[start : start + MAX_USERS] for start in range(0, len(people), MAX_USERS)]
    found: InteractionsByUser = {}
    for part in await asyncio.gather(*(_request(gateway, post, part) for part in parts)):
        found |= part
    return found


def view_with(view: PostViewJson, marks: Mapping[str, object]) -> PostViewJson:
    """A view with the interactions of a user. A boost has those of the boosted post."""
    if not view["reblog"]:
        return cast(PostViewJson, {**view, **marks})
    boosted = {**view["reblog"], **marks}
    return cast(PostViewJson, {**view, **marks, "pinned": False, "reblog": boosted})


async def _request(gateway: Gateway, post: PostJson, people: Sequence[str]) -> InteractionsByUser:
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            return await gateway.services.posts.marks(post["id"], post["author"], people)
    except (ServiceError, TimeoutError) as error:
        why = error.message if isinstance(error, ServiceError) else "posts took too long"
        log.warning("a post is streamed without interactions", extra={"why": why})
        return {}
