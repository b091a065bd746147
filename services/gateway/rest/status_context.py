"""What is around a post."""

from __future__ import annotations

import orjson
from fastapi import APIRouter

from services.chassis.http.responses import OrjsonResponse
from services.clients.paths import numeric_id
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.rest.dependencies import Id, OptionalStatusReader


def create_router(gateway: Gateway) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["statuses"])

    @router.get(
        "/api/v1/statuses/{id}/context", responses=responses({"ancestors": [], "descendants": []})
    )
    async def context(
        id: Id,
        caller: OptionalStatusReader,
    ) -> OrjsonResponse:
        """The posts that a post answers, and those that answer it, each followed by its own.

        At most 1,024 each; for strangers 40 above, and 60 below, 20 levels deep. Three invocations
        one after the other: `comments` knows the thread, `posts` what of it is visible, `users`
        who they are.
        """
        id = numeric_id(id)
        thread = await gateway.services.comments.thread(id, caller)
        around = [*thread["ancestors"], id, *thread["descendants"]]
        views = await gateway.services.posts.views(around, caller, around=id)
        people = await gateway.people.by_ids([view["post"]["author"] for view in views])
        cards = await gateway.posts.product_cards(views)
        at = next(n for n, view in enumerate(views) if view["post"]["id"] == id)
        return OrjsonResponse(
            {
                "ancestors": orjson.Fragment(gateway.renderer.statuses(views[:at], people, cards)),
                "descendants": orjson.Fragment(
                    gateway.renderer.statuses(views[at + 1 :], people, cards)
                ),
            }
        )

    return router
