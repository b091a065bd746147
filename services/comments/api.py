"""The routes of the comments service."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.chassis.errors import NotFound
from services.chassis.http.dependencies import path_id
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user
from services.comments.application.queries import ThreadQueries
from services.comments.domain.threads import ANONYMOUS, SIGNED_IN
from services.contracts.comments import Thread


def post_not_found() -> NotFound:
    """Return the error for an id that cannot be the id of a post."""
    return NotFound("There is no such post.")


OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
PathId = Annotated[str, Depends(path_id(post_not_found))]
DescendantLimit = Annotated[int, Query(ge=0, le=SIGNED_IN.descendants)]


def create_router(threads: ThreadQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["threads"])
    found = responses(Thread, "The posts above, and the comments below in reading order.")

    @router.get("/threads/{id}", responses=found)
    async def thread(
        id: PathId, caller: OptionalReader, descendants: DescendantLimit = SIGNED_IN.descendants
    ) -> OrjsonResponse:
        """Return the ids above and below a post, including posts that the caller may not see.

        At most 1,024 above and 1,024 below; for anonymous callers 40 above, and 60 below in 20
        levels. `POST /posts/views` of posts returns the visible ones.
        """
        limits = SIGNED_IN if caller and caller.user_id else ANONYMOUS
        most = min(descendants, limits.descendants)
        return OrjsonResponse(await threads.thread(id, replace(limits, descendants=most)))

    return router
