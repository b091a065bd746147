"""Pages of timelines. This is the hot path: one call of the feed, and bytes that are cached."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.gateway.application.posts import PostPresenter
from services.gateway.invocation import ServiceInvoker
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.renderer import EntityRenderer, product_ids_of

_TAG_LENGTH = 24  # characters in the tag of a page


class RenderedTimelinePage(NamedTuple):
    """A list of Status as JSON, and the newest and oldest id that the page covers."""

    body: bytes
    first: str
    last: str


class TimelinePages:
    """Reads pages of the feed and caches them rendered.

    A page is cached with its tag, and the feed says whether it is still the same. A page with
    products costs one more call and is not cached: the feed does not know when products change.
    """

    def __init__(
        self,
        services: ServiceInvoker,
        posts: PostPresenter,
        renderer: EntityRenderer,
        max_bytes: int,
    ) -> None:
        self._services = services
        self._posts = posts
        self._renderer = renderer
        self._cache = LruByteCache(max_bytes)

    async def get(
        self, path: str, caller: Caller | None, window: Window, **filters: str
    ) -> RenderedTimelinePage:
        """A page of a timeline as the caller sees it."""
        params = window.params() | filters
        key = (caller.user_id if caller else "", path, *params.items())
        cached = self._cache.get(key) or b""
        reply = await self._services.sidecar.invoke(
            "feed",
            path,
            token=caller.token if caller else "",
            params={**params, "known": cached[:_TAG_LENGTH].decode()} if cached else params,
        )
        page = orjson.loads(reply.body)
        if page["same"]:
            return RenderedTimelinePage(cached[_TAG_LENGTH:], page["first"], page["last"])
        cards = await self._posts.product_cards(page["views"])
        body = self._renderer.statuses(page["views"], page["accounts"], cards)
        if not product_ids_of(page["views"]):
            self._cache.put(key, page["tag"].encode() + body)
        return RenderedTimelinePage(body, page["first"], page["last"])
