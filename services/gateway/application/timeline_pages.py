"""Pages of timelines. This is the hot path: one call of the feed, and bytes that are cached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import NOT_CACHED, CacheAge
from services.clients.feed import HOME, FeedClient, Timeline
from services.clients.json_types.posts import PageJson
from services.contracts.invalidations import author_document, home_document, reader_document
from services.gateway.application.posts import PostPresenter
from services.gateway.application.ready_pages import DocumentChanges
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.renderer import EntityRenderer, product_ids_of

_TAG_LENGTH = 24  # characters in the tag of a page


class RenderedTimelinePage(NamedTuple):
    """A list of Status as JSON, and the newest and oldest id that the page covers.

    `more` is the cursor of the next page, empty at the end. `documents` are those on which it
    depends; none if no message comes of some changes.
    """

    body: bytes
    first: str
    last: str
    more: str
    documents: Sequence[str]


class TimelinePages:
    """Reads pages of the feed and caches them rendered.

    A page is cached with its tag, and the feed says whether it is still the same. A page with
    products costs one more call and is not cached: the feed does not know when products change.
    """

    def __init__(
        self,
        feed: FeedClient,
        posts: PostPresenter,
        renderer: EntityRenderer,
        changes: DocumentChanges,
        max_bytes: int,
    ) -> None:
        self._feed = feed
        self._changes = changes
        self._posts = posts
        self._renderer = renderer
        self.cache = LruByteCache(max_bytes)

    async def get(
        self, timeline: Timeline, caller: Caller | None, window: Window
    ) -> RenderedTimelinePage:
        """A page of a timeline as the caller sees it."""
        key = (caller.user_id if caller else "", timeline, window)
        cached = self.cache.get(key) or b""
        tag = cached[:_TAG_LENGTH].decode()
        age = self._cache_age(timeline, caller)
        page = await self._feed.timeline(timeline, caller, window, known=tag, cache_age=age)
        if page["same"]:
            return _page(cached[_TAG_LENGTH:], page)
        cards = await self._posts.product_cards(page["views"])
        body = self._renderer.statuses(page["views"], page["accounts"], cards)
        if product_ids_of(page["views"]):
            return _page(body, page)._replace(documents=())
        self.cache.put(key, page["tag"].encode() + body)
        return _page(body, page)

    def _cache_age(self, timeline: Timeline, caller: Caller | None) -> CacheAge:
        documents = [reader_document(caller.user_id)] if caller else []
        if timeline.author:
            return self._changes.cache_age([*documents, author_document(timeline.author)])
        if timeline == HOME and caller:
            return self._changes.cache_age([*documents, home_document(caller.user_id)])
        return NOT_CACHED


def _page(body: bytes, page: PageJson) -> RenderedTimelinePage:
    return RenderedTimelinePage(body, page["first"], page["last"], page["more"], page["documents"])
