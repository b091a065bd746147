"""Queries of timelines.

Recent posts are not in homes yet, so a home is its list and those of them that belong there.

State calls: two for a newest page, one for the list with the reader's relations and interactions,
one for the posts with their authors. Each is saved if all of it is cached. One more for any other
page, or if large authors are merged in; the number does not depend on how many
accounts a reader follows. For a reader who follows hashtags, the timelines of `MAX_HOME_TAGS` of
them are merged in: one state call for all on a newest page, and one for each on others. A page of
which much is filtered out may take up to `_MAX_PAGES_SCANNED` times as many.

Every page has a tag that identifies its content. A request with the tag of a cached page gets no
content if the page is still the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from services.chassis.cache import USUAL_AGE, MaxAge
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Window
from services.contracts.invalidations import (
    LARGE_AUTHORS,
    RECENT_POSTS,
    account_document,
    author_document,
    home_document,
    post_document,
    reader_document,
    tag_document,
)
from services.feed.application.post_loader import PostLoader
from services.feed.application.timeline_page import TimelinePage
from services.feed.domain.filters import NO_FILTER, TimelineFilter
from services.feed.domain.reader import Reader
from services.feed.domain.rows import (
    AUTHOR_ID,
    BOOSTED_ID,
    DIRECT,
    FLAGS,
    FROM_TAG,
    POST_ID,
    PRIVATE,
    Row,
    with_flag,
    without_repeated_boosts,
)
from services.feed.repository import Repository

_MAX_PAGES_SCANNED = 3

MAX_NAMED_AUTHORS = 300
"""Whose home has more authors depends on every post of everybody: new ones come often anyway."""

RowPredicate = Callable[[Row], bool]
ListWithHead = tuple[SegmentedLists, ListHead]
"""A list whose rows are merged into those of another one."""


class TimelineQueries:
    """Reads pages of timelines."""

    def __init__(self, repository: Repository, loader: PostLoader) -> None:
        self._repository = repository
        self._loader = loader

    async def home(self, user: str, window: Window, max_age: MaxAge) -> TimelinePage:
        """Return a user's own posts and the posts of all accounts and hashtags they follow."""
        homes = self._repository.homes
        head, reader, recent, large_authors = await self._load_home(user, max_age.own)
        large = sorted(reader.relations.follows.keys() & large_authors)
        merged = await self._with_heads(self._repository.authors, large)
        merged += await self._with_heads(self._repository.tags, reader.relations.home_tags)
        page = await self._page(
            (homes, head),
            window,
            reader,
            reader.belongs_at_home,
            max_age=max_age,
            merged=merged,
            recent=recent,
        )
        page.documents |= {
            LARGE_AUTHORS,
            reader_document(user),
            home_document(user),
            *_sources(reader),
            *map(author_document, large),
            *map(tag_document, reader.relations.home_tags),
        }
        return page

    async def _load_home(
        self, user: str, max_age: float
    ) -> tuple[ListHead, Reader, list[Row], Sequence[str]]:
        """Return the head of a home, its reader, everybody's recent posts, and large authors."""
        repository = self._repository
        keys = [repository.recent.heads.key("all"), repository.large_authors.key("all")]
        head, reader, docs = await self._loader.load_reader(
            repository.homes, user, user, max_age, keys
        )
        newest = repository.recent.heads.decode_cached(docs[keys[0]]) or ListHead()
        rows = await repository.recent.read(newest, Window(newest.total or 1))
        large = repository.large_authors.decode_cached(docs[keys[1]])
        return head, reader, rows, large.ids if large else ()

    async def public(self, user: str, window: Window, wanted: TimelineFilter) -> TimelinePage:
        """Return everybody's public posts."""
        public = self._repository.public
        head, reader, _ = await self._loader.load_reader(public, "all", user)
        return await self._shared_page((public, head), window, reader, wanted)

    async def tag(
        self,
        tag: str,
        user: str,
        window: Window,
        wanted: TimelineFilter = NO_FILTER,
        or_with: Sequence[str] = (),
    ) -> TimelinePage:
        """Return public posts with a hashtag, or with any of some others.

        The others cost one more state call, and one more each on pages further down.
        """
        tags = self._repository.tags
        head, reader, _ = await self._loader.load_reader(tags, tag.lower(), user)
        merged = await self._with_heads(tags, or_with)
        return await self._shared_page((tags, head), window, reader, wanted, merged)

    async def account(
        self, author: str, user: str, window: Window, wanted: TimelineFilter, max_age: MaxAge
    ) -> TimelinePage:
        """Return the posts of an account that the reader may see."""
        authors = self._repository.authors
        head, reader, _ = await self._loader.load_reader(authors, author, user, max_age.own)
        reader = await self._loader.with_block_states(reader, [author])
        documents = {reader_document(user), author_document(author), account_document(author)}
        if reader.relations.blocked_by.get(author, 0) > 0:
            return TimelinePage(window, documents)
        hidden = 0 if user else PRIVATE | DIRECT

        def matches(row: Row) -> bool:
            return wanted.matches_row(row) and not row[FLAGS] & hidden

        visitor = replace(reader, visited_author=author)
        page = await self._page(
            (authors, head), window, visitor, matches, max_age=max_age, wanted=wanted
        )
        page.documents |= documents
        return page

    async def _with_heads(self, lists: SegmentedLists, ids: Sequence[str]) -> list[ListWithHead]:
        """Return lists with their heads. One state call, or none for no ids."""
        heads = await lists.heads.get_many(ids) if ids else {}
        return [(lists, head) for head in heads.values()]

    async def _shared_page(
        self,
        timeline: ListWithHead,
        window: Window,
        reader: Reader,
        wanted: TimelineFilter,
        merged: Sequence[ListWithHead] = (),
    ) -> TimelinePage:
        def matches(row: Row) -> bool:
            return wanted.matches_row(row) and reader.relations.can_see(row[AUTHOR_ID])

        return await self._page(timeline, window, reader, matches, merged=merged, wanted=wanted)

    async def _page(
        self,
        timeline: ListWithHead,
        window: Window,
        reader: Reader,
        matches: RowPredicate,
        *,
        max_age: MaxAge = USUAL_AGE,
        merged: Sequence[ListWithHead] = (),
        recent: Sequence[Row] = (),
        wanted: TimelineFilter = NO_FILTER,
    ) -> TimelinePage:
        """Read until the page is full, the list ends, or the limit of attempts is reached.

        `recent` are rows sorted newest first, of which those belong to the timeline that match.
        """
        page = TimelinePage(window)
        is_home = timeline[0] is self._repository.homes
        for _ in range(_MAX_PAGES_SCANNED):
            rows = await self._rows(timeline, merged, window)
            if newer := window.select_sorted(recent, matches):
                rows = window.select([*rows, *newer])
            page.more = window.next_cursor(rows)
            if not rows:
                break
            chosen = [row for row in rows if matches(row)]
            page.documents |= documents_of(chosen)
            items = await self._loader.load_visible(chosen, reader, wanted, max_age)
            visible = [row for row in rows if row[POST_ID] in items]
            for row in without_repeated_boosts(visible) if is_home else visible:
                page.items[row[POST_ID]] = items[row[POST_ID]]
            page.reached += [rows[0][POST_ID], rows[-1][POST_ID]]
            if len(page.items) >= window.limit or not page.more:
                break
            window = window.beyond(rows)
        return page

    async def _rows(
        self, timeline: ListWithHead, merged: Sequence[ListWithHead], window: Window
    ) -> list[Row]:
        lists, head = timeline
        rows = await lists.read(head, window)
        if not merged:
            return rows
        for other, other_head in merged:
            found = await other.read(other_head, window)
            is_tag = other is self._repository.tags
            rows += [with_flag(row, FROM_TAG) for row in found] if is_tag else found
        return window.select(rows)


def _sources(reader: Reader) -> Iterable[str]:
    """Return the documents by which a home gets new posts: the timelines of its authors."""
    authors = [id for id in reader.relations.follows if reader.relations.can_see(id)]
    if len(authors) > MAX_NAMED_AUTHORS:
        return [author_document(reader.id), RECENT_POSTS]
    return map(author_document, [reader.id, *authors])


def documents_of(rows: Iterable[Row]) -> set[str]:
    """Return the posts and authors of some rows, and those of boosted posts."""
    pairs = [pair for row in rows for pair in (row[:FLAGS], row[BOOSTED_ID:]) if pair]
    return {post_document(post) for post, _ in pairs} | {
        account_document(author) for _, author in pairs
    }
