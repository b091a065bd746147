"""The routes of comments."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user
from services.chassis.storage.window import normalize_id
from services.comments.application.queries import ThreadQueries
from services.comments.domain import ANONYMOUS, SIGNED_IN
from services.contracts.comments import Thread

OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
THREAD_EXAMPLE = {
    "ancestors": ["116548273934401537"],
    "descendants": ["116548273999901537", "116548274000201537"],
}


def path_post_id(id: Annotated[str, Path(max_length=40, examples=["116548273934401537"])]) -> str:
    """The id in a path, as it is kept. Raises `NotFound` for what cannot be one."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound("There is no such post.")
    return normalize_id(id)


PathId = Annotated[str, Depends(path_post_id)]
DescendantLimit = Annotated[int, Query(ge=0, le=SIGNED_IN.descendants)]


def create_router(threads: ThreadQueries) -> APIRouter:
    """All routes."""
    router = APIRouter(tags=["threads"])
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "model": Thread,
            "description": "What is above, and what is below in reading order.",
            "content": {"application/json": {"example": THREAD_EXAMPLE}},
        }
    }

    @router.get("/threads/{id}", responses=found)
    async def thread(
        id: PathId, caller: OptionalReader, descendants: DescendantLimit = SIGNED_IN.descendants
    ) -> OrjsonResponse:
        """The ids above and below a post, also of those that the caller may not see.

        At most 1,024 above and 1,024 below; for strangers 40 above, and 60 below, 20 levels deep.
        `posts` says which of them are visible: `POST /posts/views`.
        """
        bounds = SIGNED_IN if caller and caller.user_id else ANONYMOUS
        most = min(descendants, bounds.descendants)
        return OrjsonResponse(await threads.thread(id, replace(bounds, descendants=most)))

    return router
