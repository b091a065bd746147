"""The routes of posts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from services.chassis.errors import Invalid
from services.chassis.http.dependencies import window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.storage.window import Window
from services.contracts.posts import (
    Asked,
    EditedPost,
    NewBoost,
    NewPost,
    PostList,
    PostVersion,
    PostView,
    Reactors,
)
from services.posts.api.examples import (
    ASKED,
    BOOST,
    EDITED_POSTS,
    LISTS,
    NEW_BOOSTS,
    NEW_POSTS,
    REACTORS,
    VERSION,
    VIEW,
    answers,
)
from services.posts.application.boosts import BoostService
from services.posts.application.pinning import PinService
from services.posts.application.post_service import MODERATION_SCOPE, PostService
from services.posts.application.queries import PostQueries, parse_post_id
from services.posts.application.reactions import ReactionService

MAX_IDS = 100
"""How many posts can be asked for at once."""

PathId = Annotated[str, Path(max_length=40, examples=["116548273934401537"])]
OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
Writer = Annotated[Caller, Depends(require_user("write:statuses"))]
ReportAdminReader = Annotated[Caller, Depends(require_user("admin:read:reports"))]
Deleter = Annotated[Caller, Depends(require_user("write:statuses", MODERATION_SCOPE))]
FavouriteWriter = Annotated[Caller, Depends(require_user("write:favourites"))]
NotificationReader = Annotated[Caller, Depends(require_user("read:notifications"))]
AccountWriter = Annotated[Caller, Depends(require_user("write:accounts"))]
BookmarkWriter = Annotated[Caller, Depends(require_user("write:bookmarks"))]


PageWindow = Annotated[Window, Depends(window())]


A_VIEW = answers(PostView, "The post as the caller sees it.", VIEW, 401, 403, 404, 422)
A_CHANGE = answers(PostView, "The post as it is then.", VIEW, 401, 403, 404, 422, 503)
A_BOOST = answers(PostView, "The boost and what it shows.", BOOST, 401, 403, 404, 422, 503)
A_LIST = answers(PostList, "A page, newest mark first.", LISTS, 401, 403, 422)


def create_router(
    views: PostQueries,
    composer: PostService,
    reactions: ReactionService,
    boosts: BoostService,
    pinning: PinService,
) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_post_routes(views, composer).routes)
    router.routes.extend(_moderation_routes(views).routes)
    router.routes.extend(_reaction_routes(views, reactions).routes)
    router.routes.extend(_boost_routes(views, boosts).routes)
    router.routes.extend(_pin_routes(pinning).routes)
    return router


def _post_routes(views: PostQueries, composer: PostService) -> APIRouter:
    router = APIRouter(tags=["posts"])

    @router.post("/posts", responses=A_CHANGE)
    async def create(
        new: Annotated[NewPost, Body(openapi_examples=NEW_POSTS)], caller: Writer
    ) -> OrjsonResponse:
        """Make a post. The same idempotency key gives the same post for an hour."""
        return OrjsonResponse(await composer.create(new, caller))

    @router.get(
        "/posts", responses=answers(list[PostView], "Those visible.", [VIEW], 401, 403, 404, 422)
    )
    async def some(
        ids: Annotated[str, Query(max_length=2_200)], caller: OptionalReader
    ) -> OrjsonResponse:
        """Some posts by id, separated by commas, in that order; without those not visible."""
        return OrjsonResponse(await _list_posts(views, ids, caller))

    @router.get(
        "/notified", responses=answers(list[PostView], "Those visible.", [VIEW], 401, 403, 422)
    )
    async def notified(
        ids: Annotated[str, Query(max_length=2_200)], caller: NotificationReader
    ) -> OrjsonResponse:
        """As `/posts?ids=`, of what somebody is notified of: their token need cover no more."""
        return OrjsonResponse(await _list_posts(views, ids, caller))

    @router.post(
        "/posts/views", responses=answers(list[PostView], "Those visible.", [VIEW], 401, 403, 404)
    )
    async def views_of(
        asked: Annotated[Asked, Body(openapi_examples=ASKED)], caller: OptionalReader
    ) -> OrjsonResponse:
        """Many posts, in that order: those that are visible, or the visible part of a thread."""
        ids = [parse_post_id(id) for id in asked.ids]
        if asked.around is None:
            seen = list((await views.get_many(ids, caller)).values())
        else:
            seen = await views.get_thread(parse_post_id(asked.around), ids, caller)
        return OrjsonResponse([one.view() for one in seen])

    @router.get("/posts/{id}", responses=A_VIEW)
    async def one(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """One post."""
        return OrjsonResponse((await views.get(id, caller)).view())

    @router.put("/posts/{id}", responses=A_CHANGE)
    async def edit(
        id: PathId,
        wanted: Annotated[EditedPost, Body(openapi_examples=EDITED_POSTS)],
        caller: Writer,
    ) -> OrjsonResponse:
        """Edit one's own post; what is left out stays as it is."""
        return OrjsonResponse(await composer.edit(id, wanted, caller))

    @router.delete("/posts/{id}", responses=A_VIEW)
    async def delete(
        id: PathId,
        caller: Deleter,
        delete_media: Annotated[bool, Query(description="Keep its pictures for no other.")] = False,
    ) -> OrjsonResponse:
        """Delete one's own post, or a comment below it, or as an admin anybody's.

        Gives what it was. What others wrote below one's own comment stays, below the nearest post
        that is left; what is below a post, or below another's comment on one's own, goes with it, a
        moment later. Its author may show its pictures in another post for a day.
        """
        return OrjsonResponse(await composer.delete(id, caller, delete_media=delete_media))

    @router.get(
        "/posts/{id}/history",
        responses=answers(
            list[PostVersion], "All versions, oldest first.", [VERSION], 401, 403, 404, 422
        ),
    )
    async def history(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """What a post was, and is. At most a hundred earlier versions are kept."""
        return OrjsonResponse(await views.history(id, caller))

    return router


async def _list_posts(views: PostQueries, ids: str, caller: Caller | None) -> list[Any]:
    wanted = [parse_post_id(id) for id in ids.split(",") if id]
    if len(wanted) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} posts can be asked for at once.")
    return [seen.view() for seen in (await views.get_many(wanted, caller)).values()]


def _moderation_routes(views: PostQueries) -> APIRouter:
    router = APIRouter(tags=["oversight"])

    @router.get(
        "/reported", responses=answers(list[PostView], "Those there.", [VIEW], 401, 403, 404, 422)
    )
    async def reported(
        ids: Annotated[str, Query(max_length=2_200)], _: ReportAdminReader
    ) -> OrjsonResponse:
        """Some posts by id, for admins: whoever may see them."""
        wanted = [parse_post_id(id) for id in ids.split(",") if id]
        if len(wanted) > MAX_IDS:
            raise Invalid(f"At most {MAX_IDS} posts can be asked for at once.")
        return OrjsonResponse([seen.view() for seen in await views.get_unrestricted(wanted)])

    return router


def _reaction_routes(views: PostQueries, reactions: ReactionService) -> APIRouter:
    router = APIRouter(tags=["reactions"])

    @router.post("/posts/{id}/favourite", responses=A_VIEW)
    async def favourite(id: PathId, caller: FavouriteWriter) -> OrjsonResponse:
        """Like a post. A repeat changes nothing."""
        return OrjsonResponse(await reactions.set("favourite", id, caller, on=True))

    @router.post("/posts/{id}/unfavourite", responses=A_VIEW)
    async def unfavourite(id: PathId, caller: FavouriteWriter) -> OrjsonResponse:
        """Take a like back. A repeat changes nothing."""
        return OrjsonResponse(await reactions.set("favourite", id, caller, on=False))

    @router.post("/posts/{id}/bookmark", responses=A_VIEW)
    async def bookmark(id: PathId, caller: BookmarkWriter) -> OrjsonResponse:
        """Keep a post for oneself. A repeat changes nothing."""
        return OrjsonResponse(await reactions.set("bookmark", id, caller, on=True))

    @router.post("/posts/{id}/unbookmark", responses=A_VIEW)
    async def unbookmark(id: PathId, caller: BookmarkWriter) -> OrjsonResponse:
        """Keep it no longer. A repeat changes nothing."""
        return OrjsonResponse(await reactions.set("bookmark", id, caller, on=False))

    @router.get(
        "/posts/{id}/favourited_by",
        responses=answers(Reactors, "A page, newest first.", REACTORS, 401, 403, 404, 422),
    )
    async def favourited_by(
        id: PathId, window: PageWindow, caller: OptionalReader
    ) -> OrjsonResponse:
        """Who likes a post."""
        return OrjsonResponse(await views.favourited_by(id, window, caller))

    @router.get("/favourites", responses=A_LIST)
    async def favourites(
        window: PageWindow, caller: Annotated[Caller, Depends(require_user("read:favourites"))]
    ) -> OrjsonResponse:
        """What the caller likes."""
        return OrjsonResponse(await views.reacted_posts("favourite", window, caller))

    @router.get("/bookmarks", responses=A_LIST)
    async def bookmarks(
        window: PageWindow, caller: Annotated[Caller, Depends(require_user("read:bookmarks"))]
    ) -> OrjsonResponse:
        """What the caller keeps."""
        return OrjsonResponse(await views.reacted_posts("bookmark", window, caller))

    return router


def _boost_routes(views: PostQueries, boosts: BoostService) -> APIRouter:
    router = APIRouter(tags=["boosts"])

    @router.post("/posts/{id}/reblog", responses=A_BOOST)
    async def reblog(
        id: PathId,
        caller: Writer,
        how: Annotated[NewBoost | None, Body(openapi_examples=NEW_BOOSTS)] = None,
    ) -> OrjsonResponse:
        """Boost a post. A repeat gives the same boost; a boost of a boost is one of the post."""
        return OrjsonResponse(await boosts.create(id, how.visibility if how else None, caller))

    @router.post("/posts/{id}/unreblog", responses=A_VIEW)
    async def unreblog(id: PathId, caller: Writer) -> OrjsonResponse:
        """Take a boost back; gives what was boosted. A repeat changes nothing."""
        return OrjsonResponse(await boosts.remove(id, caller))

    @router.get(
        "/posts/{id}/reblogged_by",
        responses=answers(Reactors, "A page, newest first.", REACTORS, 401, 403, 404, 422),
    )
    async def reblogged_by(
        id: PathId, window: PageWindow, caller: OptionalReader
    ) -> OrjsonResponse:
        """Who boosts a post."""
        return OrjsonResponse(await views.reblogged_by(id, window, caller))

    return router


def _pin_routes(pinning: PinService) -> APIRouter:
    router = APIRouter(tags=["pins"])

    @router.post("/posts/{id}/pin", responses=A_VIEW)
    async def pin(id: PathId, caller: AccountWriter) -> OrjsonResponse:
        """Pin a post of one's own to one's profile. A repeat changes nothing."""
        return OrjsonResponse(await pinning.pin(id, caller))

    @router.post("/posts/{id}/unpin", responses=A_VIEW)
    async def unpin(id: PathId, caller: AccountWriter) -> OrjsonResponse:
        """Unpin it. A repeat changes nothing."""
        return OrjsonResponse(await pinning.unpin(id, caller))

    @router.get(
        "/accounts/{id}/pins",
        responses=answers(list[PostView], "Those visible.", [VIEW], 401, 403, 404, 422),
    )
    async def pins(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """What somebody pinned, newest pin first."""
        return OrjsonResponse(await pinning.pins_of(parse_post_id(id), caller))

    return router
