"""Pages of timelines. This is the hot path: one call of the feed, and bytes that are cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from cachetools import LRUCache

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import NOT_CACHED, CacheAge
from services.clients.feed import HOME, FeedClient, Timeline
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import PageJson, PostViewJson
from services.contracts.events import FEED_INVALIDATED
from services.contracts.invalidations import (
    RECENT_POSTS,
    account_document,
    author_document,
    home_document,
    post_document,
    reader_document,
)
from services.gateway.application.posts import PostPresenter
from services.gateway.application.ready_pages import DocumentChanges
from services.gateway.presentation.contents import ContentMissing
from services.gateway.presentation.references import referenced_accounts, referenced_views
from services.gateway.presentation.renderer import EntityRenderer, posts_of, product_ids_of

_DOCUMENT_BYTES = 80  # the name of a document in the list of a page
_OVERHEAD = 1_500  # bytes of a page beside its body and documents


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


class PageKey(NamedTuple):
    """Which page of which timeline, and whose it is; nobody's if `reader` is empty."""

    reader: str
    timeline: Timeline
    window: Window


class TimelinePages:
    """Reads pages of the feed and caches them rendered.

    A page is cached with its tag. The feed says whether it is still the same, or else which
    versions of which posts it has now. If not all of these are known, the page costs a second call.

    A page with products costs one more call and is not cached: the feed does not know when products
    change.
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
        self.cache = TimelinePageCache(max_bytes)

    async def get(
        self, timeline: Timeline, caller: Caller | None, window: Window
    ) -> RenderedTimelinePage:
        """A page of a timeline as the caller sees it."""
        key = PageKey(caller.user_id if caller else "", timeline, window)
        cached = self.cache.get(key)
        age = self._cache_age(timeline, caller)
        tag = cached.tag if cached else ""
        page = await self._feed.timeline(timeline, caller, window, known=tag, cache_age=age)
        if cached and page["same"]:
            return cached.page
        if "refs" in page:
            with suppress(ContentMissing):
                views, accounts = referenced_views(page), referenced_accounts(page)
                return await self._render(key, page, views, accounts)
            page = await self._feed.timeline(timeline, caller, window, cache_age=age)
        return await self._render(key, page, page["views"], page["accounts"])

    async def _render(
        self,
        key: PageKey,
        page: PageJson,
        views: Sequence[PostViewJson],
        accounts: Mapping[str, AccountJson],
    ) -> RenderedTimelinePage:
        cards = await self._posts.product_cards(views)
        body = self._renderer.statuses(views, accounts, cards)
        documents = {*page["documents"], *map(account_document, accounts)}
        documents |= {post_document(post["id"]) for view in views for post in posts_of(view)}
        if key.timeline == HOME and author_document(key.reader) not in documents:
            documents.add(RECENT_POSTS)  # a replica of 0.1.0 made the page
        rendered = RenderedTimelinePage(
            body, page["first"], page["last"], page["more"], tuple(documents)
        )
        if product_ids_of(views):
            return rendered._replace(documents=())
        self.cache.put(key, CachedTimelinePage(page["tag"], rendered))
        return rendered

    def _cache_age(self, timeline: Timeline, caller: Caller | None) -> CacheAge:
        documents = [reader_document(caller.user_id)] if caller else []
        if timeline.author:
            documents.append(author_document(timeline.author))
        elif timeline == HOME and caller:
            documents += [home_document(caller.user_id), RECENT_POSTS]
        else:
            return NOT_CACHED
        return self._changes.cache_age(documents, FEED_INVALIDATED.producer)


class CachedTimelinePage(NamedTuple):
    """A page with the tag of its content."""

    tag: str
    page: RenderedTimelinePage

    @property
    def size(self) -> int:
        """The memory that it takes, in bytes."""
        return len(self.page.body) + len(self.page.documents) * _DOCUMENT_BYTES + _OVERHEAD


class TimelinePageCache:
    """Pages by reader, timeline and window. Those that were asked for longest ago go first."""

    def __init__(self, max_bytes: int) -> None:
        self._pages: LRUCache[PageKey, CachedTimelinePage] = LRUCache(
            max_bytes, getsizeof=lambda page: page.size
        )
        self.hits = self.misses = 0

    def get(self, key: PageKey) -> CachedTimelinePage | None:
        """The page that was cached last."""
        page = self._pages.get(key)
        self.hits += page is not None
        self.misses += page is None
        return page

    def put(self, key: PageKey, page: CachedTimelinePage) -> None:
        """Cache a page, unless it is larger than the cache."""
        if page.size <= self._pages.maxsize:
            self._pages[key] = page
