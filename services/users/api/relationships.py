"""The routes of relationships: follow, block, mute, note."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from services.chassis.http.openapi import error_responses, responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.accounts import (
    AccountNote,
    FollowSettings,
    Id,
    MuteSettings,
    Relationship,
    RelationshipsRequest,
)
from services.users.api.parameters import FollowReader, FollowWriter, PathId, QueryIds, Writer
from services.users.application.relationships import RelationshipService
from services.users.domain.edges import FollowOptions
from services.users.domain.relationship_view import RelationshipView

Blocker = Annotated[Caller, Depends(require_user("write:blocks"))]
Muter = Annotated[Caller, Depends(require_user("write:mutes"))]

_ONE = responses(Relationship, "The relationship after the change.", 401, 403, 404)
_VALIDATED = {**_ONE, **error_responses(422)}
_OF_MANY = responses(
    dict[Id, list[Relationship]], "One for each existing account, by the user.", 422
)
_MANY = responses(list[Relationship], "One for each existing account.", 401, 403, 422)


def create_router(relationships: RelationshipService) -> APIRouter:
    """Return the routes of relationships."""
    router = APIRouter(tags=["relationships"])
    router.routes.extend(_follow_routes(relationships).routes)
    router.routes.extend(_other_routes(relationships).routes)
    router.routes.extend(_read_routes(relationships).routes)
    return router


def _follow_routes(relationships: RelationshipService) -> APIRouter:
    router = APIRouter(tags=["relationships"])

    @router.post("/accounts/{id}/follow", responses=_VALIDATED)
    async def follow(
        id: PathId, caller: FollowWriter, settings: FollowSettings | None = None
    ) -> OrjsonResponse:
        """Follow an account, or request to follow a locked one."""
        settings = settings or FollowSettings()
        options = FollowOptions(settings.reblogs, settings.notify)
        return OrjsonResponse(await relationships.follow(caller.user_id, id, options))

    @router.post("/accounts/{id}/unfollow", responses=_ONE)
    async def unfollow(id: PathId, caller: FollowWriter) -> OrjsonResponse:
        """End a follow, or withdraw a follow request."""
        return OrjsonResponse(await relationships.unfollow(caller.user_id, id))

    @router.post("/accounts/{id}/remove_from_followers", responses=_ONE)
    async def remove_follower(id: PathId, caller: FollowWriter) -> OrjsonResponse:
        """End the follow of a follower."""
        return OrjsonResponse(await relationships.remove_follower(caller.user_id, id))

    @router.post("/follow_requests/{id}/{answer}", responses=_ONE)
    async def answer_follow_request(
        id: PathId, answer: Literal["authorize", "reject"], caller: FollowWriter
    ) -> OrjsonResponse:
        """Accept or reject a follow request."""
        decide = {"authorize": relationships.accept, "reject": relationships.reject}[answer]
        done: Awaitable[RelationshipView] = decide(caller.user_id, id)
        return OrjsonResponse(await done)

    return router


def _other_routes(relationships: RelationshipService) -> APIRouter:
    router = APIRouter(prefix="/accounts/{id}", tags=["relationships"])

    @router.post("/block", responses=_VALIDATED)
    async def block(id: PathId, caller: Blocker) -> OrjsonResponse:
        """Block an account. Follows between the two accounts end."""
        return OrjsonResponse(await relationships.block(caller.user_id, id))

    @router.post("/unblock", responses=_ONE)
    async def unblock(id: PathId, caller: Blocker) -> OrjsonResponse:
        """End a block."""
        return OrjsonResponse(await relationships.unblock(caller.user_id, id))

    @router.post("/mute", responses=_VALIDATED)
    async def mute(
        id: PathId, caller: Muter, settings: MuteSettings | None = None
    ) -> OrjsonResponse:
        """Mute an account for some seconds, or indefinitely. It is not notified."""
        settings = settings or MuteSettings()
        muted = relationships.mute(
            caller.user_id, id, notifications=settings.notifications, seconds=settings.duration
        )
        return OrjsonResponse(await muted)

    @router.post("/unmute", responses=_ONE)
    async def unmute(id: PathId, caller: Muter) -> OrjsonResponse:
        """End a mute."""
        return OrjsonResponse(await relationships.unmute(caller.user_id, id))

    @router.post("/note", responses=_VALIDATED)
    async def annotate(id: PathId, caller: Writer, note: AccountNote) -> OrjsonResponse:
        """Set a private note on an account."""
        return OrjsonResponse(await relationships.annotate(caller.user_id, id, note.comment))

    return router


def _read_routes(relationships: RelationshipService) -> APIRouter:
    router = APIRouter(prefix="/relationships", tags=["relationships"])

    @router.get("", responses=_MANY)
    async def list_relationships(ids: QueryIds, caller: FollowReader) -> OrjsonResponse:
        """Return the caller's relationships to some accounts."""
        return OrjsonResponse(await relationships.relationships(caller.user_id, ids))

    @router.post("", responses=_OF_MANY)
    async def list_many_relationships(wanted: RelationshipsRequest) -> OrjsonResponse:
        """Return the relationships of several users, whom the calling service has authenticated."""
        return OrjsonResponse(await relationships.relationships_of(wanted.targets))

    return router
