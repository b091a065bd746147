"""Routes that create, read, edit and delete posts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query

from services.chassis.http.dependencies import IfMatchVersion
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.posts import EditedPost, NewPost, PostsRequest, PostVersion
from services.posts.api.dependencies import (
    CHANGE_RESPONSES,
    EDIT_RESPONSES,
    POST_RESPONSES,
    OptionalReader,
    PathId,
    Writer,
    many_posts,
    parse_ids,
)
from services.posts.application.post_deletion import MODERATION_SCOPE, PostDeletion
from services.posts.application.post_service import PostService
from services.posts.application.queries import PostQueries, parse_post_id

Deleter = Annotated[Caller, Depends(require_user("write:statuses", MODERATION_SCOPE))]
NotificationReader = Annotated[Caller, Depends(require_user("read:notifications"))]
IdList = Annotated[str, Query(max_length=2_200)]


def create_router(queries: PostQueries, posts: PostService, deletion: PostDeletion) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["posts"])

    @router.post("/posts", responses=CHANGE_RESPONSES)
    async def create(new: Annotated[NewPost, Body()], caller: Writer) -> OrjsonResponse:
        """Create a post. The same idempotency key returns the same post for an hour."""
        return OrjsonResponse(await posts.create(new, caller))

    @router.get("/posts", responses=many_posts("The visible posts.", 401, 403, 404, 422))
    async def some(ids: IdList, caller: OptionalReader) -> OrjsonResponse:
        """Return the visible ones of some posts, by comma-separated ids, in that order."""
        found = await queries.get_many(parse_ids(ids), caller)
        return OrjsonResponse([seen.view() for seen in found.values()])

    @router.get("/notified", responses=many_posts("The visible posts.", 401, 403, 422))
    async def notified(ids: IdList, caller: NotificationReader) -> OrjsonResponse:
        """Return posts as `/posts?ids=` does, for a token that covers only notifications."""
        found = await queries.get_many(parse_ids(ids), caller)
        return OrjsonResponse([seen.view() for seen in found.values()])

    @router.post("/posts/views", responses=many_posts("The visible posts.", 401, 403, 404))
    async def views_of(
        asked: Annotated[PostsRequest, Body()], caller: OptionalReader
    ) -> OrjsonResponse:
        """Return the visible ones of many posts, in that order, or the visible part of a thread."""
        ids = [parse_post_id(id) for id in asked.ids]
        if asked.around is None:
            seen = list((await queries.get_many(ids, caller)).values())
        else:
            seen = await queries.get_thread(parse_post_id(asked.around), ids, caller)
        return OrjsonResponse([one.view() for one in seen])

    @router.get("/posts/{id}", responses=POST_RESPONSES)
    async def one(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """Return one post."""
        return OrjsonResponse((await queries.get(id, caller)).view())

    @router.put("/posts/{id}", responses=EDIT_RESPONSES)
    async def edit(
        id: PathId,
        wanted: Annotated[EditedPost, Body()],
        caller: Writer,
        condition: IfMatchVersion,
    ) -> OrjsonResponse:
        """Edit an own post. Omitted fields keep their values.

        `If-Match` may name the version that was read. An edit that changes nothing ignores it.
        """
        return OrjsonResponse(await posts.edit(id, wanted, caller, condition))

    @router.delete("/posts/{id}", responses=POST_RESPONSES)
    async def delete(
        id: PathId,
        caller: Deleter,
        delete_media: Annotated[bool, Query(description="Also delete its pictures.")] = False,
    ) -> OrjsonResponse:
        """Delete an own post, a comment below an own post, or as an administrator any post.

        Returns the deleted post. Replies to an own comment stay, below the nearest remaining post.
        Replies to a post, or to another user's comment on an own post, are deleted a moment later.
        The author may use the pictures in another post for a day.
        """
        return OrjsonResponse(await deletion.delete(id, caller, delete_media=delete_media))

    @router.get(
        "/posts/{id}/history",
        responses=responses(list[PostVersion], "All versions, oldest first.", 401, 403, 404, 422),
    )
    async def history(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """Return all versions of a post. At most a hundred earlier versions are kept."""
        return OrjsonResponse(await queries.history(id, caller))

    return router
