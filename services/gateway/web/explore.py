"""What is new and popular, and the search."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.presentation.entities import shop
from services.gateway.web.people import with_relationships
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity
from services.gateway.web.viewer import Viewer

_POSTS, _TAGS, _PEOPLE, _PRODUCTS = 30, 10, 12, 12


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page of what is popular, with the search."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get("/explore")
    async def explore(viewer: Viewer, q: Annotated[str, Query(max_length=500)] = "") -> Response:
        """Trending posts and hashtags, and people to follow; or what a search finds."""
        typed = q.strip()
        found = await (_found(gateway, typed, viewer) if typed else _popular(gateway, viewer))
        return pages.render("explore", viewer=viewer, q=typed, **found)

    return router


async def _popular(gateway: Gateway, viewer: Caller | None) -> dict[str, Any]:
    posts, tags, people = await gather_all(
        _trending_posts(gateway, viewer), _trending_tags(gateway, viewer), _people(gateway, viewer)
    )
    return {"posts": posts, "tags": tags, "people": people, "products": []}


async def _trending_posts(gateway: Gateway, viewer: Caller | None) -> list[Entity]:
    page = await gateway.services.feed.trending_posts(viewer, limit=_POSTS, offset=0)
    posts: list[Entity] = orjson.loads(gateway.renderer.statuses(page["views"], page["accounts"]))
    return posts


async def _trending_tags(gateway: Gateway, viewer: Caller | None) -> list[Entity]:
    uses = await gateway.services.feed.trending_hashtags(limit=_TAGS, offset=0)
    return await gateway.hashtags.render(uses, viewer)


async def _people(gateway: Gateway, viewer: Caller | None) -> list[tuple[Entity, Entity | None]]:
    """Suggestions for a viewer, the directory for strangers."""
    users = gateway.services.users
    if viewer is None:
        rows = await users.directory(None, order="active", limit=_PEOPLE, offset=0)
    else:
        suggested = await users.suggestions(viewer, limit=_PEOPLE)
        rows = [suggestion["account"] for suggestion in suggested]
    return await with_relationships(gateway, rows, viewer)


async def _found(gateway: Gateway, typed: str, viewer: Caller | None) -> dict[str, Any]:
    rows, posts, tags, products = await gather_all(
        gateway.search.accounts(typed, viewer, _PEOPLE),
        gateway.search.statuses(typed, viewer, _POSTS),
        gateway.search.hashtags(typed, viewer, _TAGS),
        _products(gateway, typed, viewer),
    )
    people = await with_relationships(gateway, rows, viewer)
    return {"posts": orjson.loads(posts), "tags": tags, "people": people, "products": products}


async def _products(gateway: Gateway, typed: str, viewer: Caller | None) -> list[Entity]:
    """Products with these words; none if the catalog fails, so that the rest is shown."""
    try:
        page = await gateway.services.catalog.products(
            viewer, limit=_PRODUCTS, q=typed[:100], stock=False
        )
    except ServiceError as failure:
        log_failure(failure)
        return []
    return [shop.card(view.product, gateway.urls) for view in page.products]
