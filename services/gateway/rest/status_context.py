"""The thread of a post."""

from __future__ import annotations

import orjson
from fastapi import APIRouter

from services.chassis.http.responses import OrjsonResponse
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.rest.dependencies import Id, OptionalStatusReader


def create_router(gateway: Gateway) -> APIRouter:
    """The route of the context."""
    router = APIRouter(tags=["statuses"])

    @router.get(
        "/api/v1/statuses/{id}/context", responses=responses({"ancestors": [], "descendants": []})
    )
    async def context(
        id: Id,
        caller: OptionalStatusReader,
    ) -> OrjsonResponse:
        """The ancestors and the descendants of a post, each followed by its own replies.

        At most 1,024 each; without a user 40 ancestors and 60 descendants in 20 levels. Costs three
        calls in sequence: `comments` for the thread, `posts` for its visible posts, `users` for the
        authors.
        """
        thread = await gateway.threads.get(id, caller)
        return OrjsonResponse(
            {
                "ancestors": orjson.Fragment(gateway.threads.ancestors(thread)),
                "descendants": orjson.Fragment(gateway.threads.descendants(thread)),
            }
        )

    return router
