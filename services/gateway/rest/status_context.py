"""The thread of a post."""

from __future__ import annotations

import orjson
from fastapi import APIRouter

from services.chassis.http.responses import OrjsonResponse
from services.clients.paths import numeric_id
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
        id = numeric_id(id)
        thread = await gateway.services.comments.thread(id, caller)
        around = [*thread["ancestors"], id, *thread["descendants"]]
        views = await gateway.services.posts.views(around, caller, around=id)
        people = await gateway.services.users.accounts([view["post"]["author"] for view in views])
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
