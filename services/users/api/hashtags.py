"""The routes of followed hashtags."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from services.chassis.errors import Invalid
from services.chassis.http.dependencies import window
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.window import Window
from services.contracts.discovery import TagFollowed, TagList
from services.contracts.limits import MAX_HASHTAG_CHARACTERS
from services.shared.hashtags import normal_tag
from services.users.api.parameters import FollowReader, FollowWriter
from services.users.application.followed_tags import FollowedTagService
from services.users.domain.followed_tags import MAX_FOLLOWED_TAGS


async def _hashtag(
    name: Annotated[str, Path(min_length=1, max_length=MAX_HASHTAG_CHARACTERS, examples=["sea"])],
) -> str:
    """The name in its normal form. Raises `Invalid` for a name that is no hashtag."""
    hashtag = normal_tag(name)
    if not hashtag:
        raise Invalid("This is not a hashtag. Send its name without the #.")
    return hashtag


Hashtag = Annotated[str, Depends(_hashtag)]
TagWindow = Annotated[Window, Depends(window(100, MAX_FOLLOWED_TAGS))]

_CHANGED = responses(TagFollowed, "The follow after the change.", 401, 403, 422)
_PAGE = responses(TagList, "A page, newest first.", 401, 403)


def create_router(tags: FollowedTagService) -> APIRouter:
    """Return the routes of followed hashtags."""
    router = APIRouter(prefix="/tags", tags=["hashtags"])

    @router.post("/{name}/follow", responses=_CHANGED)
    async def follow_hashtag(name: Hashtag, caller: FollowWriter) -> OrjsonResponse:
        """Follow a hashtag, given without its #. Two state calls and a shared commit record."""
        return OrjsonResponse(await tags.follow(caller.user_id, name))

    @router.post("/{name}/unfollow", responses=_CHANGED)
    async def unfollow_hashtag(name: Hashtag, caller: FollowWriter) -> OrjsonResponse:
        """End the follow of a hashtag."""
        return OrjsonResponse(await tags.unfollow(caller.user_id, name))

    @router.get("", responses=_PAGE)
    async def list_followed_hashtags(window: TagWindow, caller: FollowReader) -> OrjsonResponse:
        """List the hashtags that the caller follows, newest first. One state call."""
        return OrjsonResponse(await tags.page(caller.user_id, window))

    return router
