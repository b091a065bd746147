"""Embedded posts: oEmbed (<https://oembed.com/>), as Mastodon's entity OEmbed."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from markupsafe import escape

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.contracts.accounts import Account
from services.contracts.posts import Post
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.presentation.entities.posts import content_html

_POST = re.compile(r"/(?:@[A-Za-z0-9_]{1,30}|users/[A-Za-z0-9_]{1,30}/statuses)/(\d{1,20})/?")
_CACHE_SECONDS = 86_400
_MAX_WIDTH = 400


def create_router(gateway: Gateway) -> APIRouter:
    """The route of oEmbed."""
    router = APIRouter(tags=["statuses"])

    @router.get("/api/oembed", responses=responses(description="The OEmbed of a public post."))
    async def oembed(
        url: Annotated[str, Query(max_length=500)] = "",
        maxwidth: Annotated[int, Query(ge=1, le=10_000)] = _MAX_WIDTH,
    ) -> OrjsonResponse:
        """The HTML that embeds a post: its text, and a link to it."""
        match = _POST.fullmatch(url.removeprefix(gateway.urls.public_url))
        if match is None or not url.startswith(gateway.urls.public_url):
            raise NotFound("Record not found")
        row = await gateway.posts.get(match[1], None)
        if row["reblog"]:
            raise NotFound("Record not found")
        post, author = Post.model_validate(row["post"]), await gateway.posts.author(row)
        return OrjsonResponse(
            _embed(gateway, post, Account.model_validate(author), min(maxwidth, _MAX_WIDTH))
        )

    return router


def _embed(gateway: Gateway, post: Post, author: Account, width: int) -> dict[str, Any]:
    profile = author.profile
    name = profile.display_name or profile.username
    page = gateway.urls.post(profile.username, post.id)
    text = escape(post.spoiler_text) or content_html(post, post.text, gateway.html)
    title = gateway.settings.microgram_title
    return {
        "type": "rich",
        "version": "1.0",
        "title": f"{name} on {title}",
        "author_name": name,
        "author_url": gateway.urls.account(profile.username),
        "provider_name": title,
        "provider_url": f"{gateway.urls.public_url}/",
        "cache_age": _CACHE_SECONDS,
        "html": f'<blockquote>{text}<a href="{escape(page)}">{escape(name)}</a></blockquote>',
        "width": width,
        "height": None,
    }
