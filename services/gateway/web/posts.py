"""The page of a post with its thread, and the forms of posts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound
from services.clients.paths import numeric_id
from services.contracts.accounts import Account
from services.contracts.invalidations import reader_document
from services.contracts.posts import PostView
from services.gateway.application.post_inputs import PostInput
from services.gateway.application.threads import PostThread
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import people
from services.gateway.web.addresses import back_address
from services.gateway.web.form_posts import create_from_form
from services.gateway.web.linked_data import post_data
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity
from services.gateway.web.viewer import SignedIn, Viewer

_MAX_DEPTH = 3
"""Levels by which replies are indented."""

PostAction = Literal[
    "favourite", "unfavourite", "bookmark", "unbookmark", "unreblog", "pin", "unpin"
]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page of a post, and its forms."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    router.routes.extend(_form_routes(gateway, pages).routes)
    previews = Previews(gateway.urls, pages.texts)

    @router.get("/@{username}/{id}")
    async def post(username: str, id: str, viewer: Viewer) -> Response:
        """A post with its thread, as the viewer may see it. A boost leads to the boosted post."""
        thread = await gateway.threads.get(id, viewer)
        author = Account.model_validate(thread.people[thread.view["post"]["author"]])
        if author.profile.username.lower() != username.lower():
            raise NotFound(pages.texts("error.404.text"))
        if boosted := thread.view["reblog"]:
            name = (await gateway.posts.author(boosted))["profile"]["username"]
            return RedirectResponse(gateway.urls.post(name, boosted["post"]["id"]), 302)
        shown = PostView.model_validate(thread.view)
        profile = people.public_profile(author.profile)
        return pages.render(
            "post",
            viewer=viewer,
            store=True,
            preview=previews.post(shown.post, profile),
            linked_data=post_data(shown, profile, gateway.urls, pages.texts),
            **_thread_entities(gateway, thread),
        )

    return router


def _form_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Forms of posts for browsers without scripts. They lead back to the page they are on.

    A like and the like lead there once the feed knows of it, so that the page shows it.
    """
    router = APIRouter(
        prefix="/posts", tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )

    @router.post("/{id}/reply")
    async def reply(request: Request, id: str, viewer: SignedIn) -> Response:
        """Reply to a post."""
        body = await read_params(request)
        given = PostInput(
            text=body.string("status"),
            in_reply_to_id=numeric_id(id),
            visibility=body.optional_string("visibility"),
        )
        view = await create_from_form(gateway, given, viewer, body.string("key"))
        return _back(request, view["post"]["id"])

    @router.post("/{id}/reblog")
    async def reblog(request: Request, id: str, viewer: SignedIn) -> Response:
        """Boost a post."""
        async with gateway.ready_pages.reported(reader_document(viewer.user_id)):
            await gateway.services.posts.boost(id, None, viewer)
        return _back(request, id)

    @router.post("/{id}/{action}")
    async def interact(request: Request, id: str, action: PostAction, viewer: SignedIn) -> Response:
        """Like, bookmark or pin a post, or take that back."""
        async with gateway.ready_pages.reported(reader_document(viewer.user_id)):
            await gateway.services.posts.interact(id, action, viewer)
        return _back(request, id)

    return router


def _back(request: Request, id: str) -> Response:
    return RedirectResponse(f"{back_address(request)}#post-{id}", 303)


def _thread_entities(gateway: Gateway, thread: PostThread) -> dict[str, Any]:
    """The post, what it replies to, and its replies with their depth."""
    (post,) = orjson.loads(gateway.threads.post(thread))
    replies: list[Entity] = orjson.loads(gateway.threads.descendants(thread))
    return {
        "post": post,
        "ancestors": orjson.loads(gateway.threads.ancestors(thread)),
        "replies": list(_with_depths(post["id"], replies)),
    }


def _with_depths(root: str, replies: Iterable[Entity]) -> Iterable[tuple[int, Entity]]:
    depths = {root: -1}
    for reply in replies:
        depth = depths.get(reply["in_reply_to_id"], -1) + 1
        depths[reply["id"]] = depth
        yield min(depth, _MAX_DEPTH), reply
