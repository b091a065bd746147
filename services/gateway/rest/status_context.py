"""What is around a post."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path

from services.chassis.security.token_verifier import Caller, optional_user
from services.chassis.service import OrjsonResponse
from services.gateway.desk import Desk, numeric_id
from services.gateway.http.openapi import responses


def create_router(desk: Desk) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["statuses"])

    @router.get(
        "/api/v1/statuses/{id}/context", responses=responses({"ancestors": [], "descendants": []})
    )
    async def context(
        id: Annotated[str, Path(examples=["114000000000000000"])],
        caller: Annotated[Caller | None, Depends(optional_user("read:statuses"))],
    ) -> OrjsonResponse:
        """The posts that a post answers, and those that answer it, each followed by its own.

        At most 1,024 each; for strangers 40 above, and 60 below, 20 levels deep. Three invocations
        one after the other: `comments` knows the thread, `posts` what of it is visible, `users`
        who they are.
        """
        id = numeric_id(id)
        thread = await desk.ask("comments", f"threads/{id}", caller)
        asked = {"ids": [*thread["ancestors"], id, *thread["descendants"]], "around": id}
        views = await desk.ask("posts", "posts/views", caller, method="POST", json=asked)
        people = await desk.people([view["post"]["author"] for view in views])
        cards = await desk.cards(views)
        at = next(n for n, view in enumerate(views) if view["post"]["id"] == id)
        return OrjsonResponse(
            {
                "ancestors": orjson.Fragment(desk.rendered.statuses(views[:at], people, cards)),
                "descendants": orjson.Fragment(
                    desk.rendered.statuses(views[at + 1 :], people, cards)
                ),
            }
        )

    return router
