"""Reading timelines.

State calls: two for a newest page (the list with the reader's stance and marks; the posts with
their authors), of which the second is spared where the posts were just shown to somebody; one more
for any other page, or where large authors are merged in; the same however many people one follows.
Who follows hashtags has the timelines of `MAX_HOME_TAGS` merged in: one state call for all on a
newest page, and one for each on others. A page
on which much is filtered away may take `_TRIES` more.

Every page has a tag that names its content. Who asks with the tag of the page they have is told
that it is still the same, and spared the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from services.chassis.dapr.state import ABSENT
from services.chassis.ids import id_time
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window
from services.feed.domain import (
    BOOKMARKED,
    DIRECT,
    FAVOURITED,
    FROM_TAG,
    MEDIA,
    PINNED,
    PRIVATE,
    REBLOG,
    REBLOGGED,
    REPLY,
    Reader,
    ReaderRelations,
    RecentInteractions,
    is_visible_account,
    without_repeated_boosts,
)
from services.feed.repository import Repository

_MAX_PAGES_SCANNED = 3
_LARGE_AUTHORS_TTL = 2.0
"""For how many seconds the list of large authors is kept in memory."""

RowPredicate = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """What of an account's timeline, or of a shared one, is wanted."""

    only_media: bool = False
    exclude_replies: bool = False
    exclude_reblogs: bool = False
    tagged: str = ""
    with_all: tuple[str, ...] = ()
    with_none: tuple[str, ...] = ()

    def matches_post(self, post: Mapping[str, Any]) -> bool:
        """Whether a post has the hashtags it must have, and none that it must not."""
        has = post["tags"]
        if self.tagged and self.tagged.lower() not in has:
            return False
        return set(self.with_all) <= set(has) and not set(has) & set(self.with_none)

    def matches_row(self, row: Row) -> bool:
        unwanted = REPLY if self.exclude_replies else 0
        unwanted |= REBLOG if self.exclude_reblogs else 0
        wanted = MEDIA if self.only_media else 0
        return not row[2] & unwanted and row[2] & wanted == wanted


_NO_FILTER = TimelineFilter()

MergedList = tuple[SegmentedLists, ListHead]
"""A list whose rows are merged into those of another."""


class TimelineQueries:
    """The pages that people read."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._large: frozenset[str] = frozenset()
        self._large_until = 0.0

    async def home(self, user: str, window: Window) -> TimelinePage:
        """Somebody's own posts and those of all they follow."""
        homes = self._repository.homes
        head, reader = await self._load_reader(homes, user, user)
        large = sorted(reader.relations.follows.keys() & self._large)
        others = await self._merged_lists(self._repository.authors, large)
        others += await self._merged_lists(self._repository.tags, reader.relations.home_tags)
        return await self._page(
            homes, [head], window, reader, reader.belongs_at_home, others=others
        )

    async def public(self, user: str, window: Window, wanted: TimelineFilter) -> TimelinePage:
        """Everybody's public posts."""
        head, reader = await self._load_reader(self._repository.public, "all", user)
        return await self._shared(self._repository.public, head, window, reader, wanted)

    async def tag(
        self,
        tag: str,
        user: str,
        window: Window,
        wanted: TimelineFilter = _NO_FILTER,
        or_with: Sequence[str] = (),
    ) -> TimelinePage:
        """Public posts with a hashtag, or with any of some others.

        Those others cost one state call more, and each of them another on pages further down.
        """
        head, reader = await self._load_reader(self._repository.tags, tag.lower(), user)
        others = await self._merged_lists(self._repository.tags, or_with)
        return await self._shared(self._repository.tags, head, window, reader, wanted, others)

    async def get_posts(self, rows: Sequence[Row], user: str) -> list[TimelineItem]:
        """Those of some posts that may be seen, in the order they are asked for."""
        _, reader = await self._load_reader(self._repository.public, "all", user)
        wanted = [row for row in rows if reader.relations.can_see(row[1])]
        shown = await self._load_visible(wanted, reader, _NO_FILTER)
        return [shown[row[0]] for row in wanted if row[0] in shown]

    async def _merged_lists(self, lists: SegmentedLists, ids: Sequence[str]) -> list[MergedList]:
        """Lists to be merged in. One state call, or none if there are none."""
        heads = await lists.heads.get_many(ids) if ids else {}
        return [(lists, head) for head in heads.values()]

    async def account(
        self, author: str, user: str, window: Window, wanted: TimelineFilter
    ) -> TimelinePage:
        """Somebody's posts, as far as the reader may see them."""
        head, reader = await self._load_reader(self._repository.authors, author, user)
        reader = await self._with_block_states(reader, [author])
        if not reader.relations.blocked_by.get(author, 0) <= 0:
            return TimelinePage(window)
        own = author == user
        follows = author in reader.relations.follows

        def keeps(row: Row) -> bool:
            hidden = row[2] & PRIVATE and not (own or follows or user)
            return wanted.matches_row(row) and not hidden and not (row[2] & DIRECT and not user)

        visible = replace(reader, visited_author=author)
        return await self._page(
            self._repository.authors, [head], window, visible, keeps, wanted=wanted
        )

    async def _shared(
        self,
        lists: SegmentedLists,
        head: ListHead,
        window: Window,
        reader: Reader,
        wanted: TimelineFilter,
        others: Sequence[MergedList] = (),
    ) -> TimelinePage:
        def keeps(row: Row) -> bool:
            return wanted.matches_row(row) and reader.relations.can_see(row[1])

        return await self._page(lists, [head], window, reader, keeps, others=others, wanted=wanted)

    async def _load_reader(
        self, lists: SegmentedLists, id: str, user: str
    ) -> tuple[ListHead, Reader]:
        """A list's head and who reads it, in one state call."""
        repository = self._repository
        keys = [lists.heads.key(id)]
        if user:
            keys += [repository.relations.key(user), repository.recent_interactions.key(user)]
        refresh = lists is repository.homes and time.monotonic() > self._large_until
        if refresh:
            keys.append(repository.large_authors.key("all"))
        rows = await repository.state.get_many(keys)
        if refresh:
            large = repository.large_authors.decode(
                rows.get(repository.large_authors.key("all"), ABSENT)
            )
            self._large = frozenset(large.value.ids if large else ())
            self._large_until = time.monotonic() + _LARGE_AUTHORS_TTL
        head = lists.heads.decode(rows.get(keys[0], ABSENT))
        stance = repository.relations.decode(rows.get(repository.relations.key(user), ABSENT))
        marks = repository.recent_interactions.decode(
            rows.get(repository.recent_interactions.key(user), ABSENT)
        )
        reader = Reader(
            user,
            stance.value if stance else ReaderRelations(),
            marks.value if marks else RecentInteractions(),
        )
        return head.value if head else ListHead(), reader

    async def _with_block_states(self, reader: Reader, authors: Iterable[str]) -> Reader:
        """A reader who knows of all of some authors whether they block them."""
        if not reader.relations.shunned:
            return reader
        stances = await self._repository.with_block_states({reader.id: reader.relations}, authors)
        return replace(reader, relations=stances[reader.id])

    async def _page(
        self,
        lists: SegmentedLists,
        heads: Sequence[ListHead],
        window: Window,
        reader: Reader,
        keeps: RowPredicate,
        *,
        others: Sequence[MergedList] = (),
        wanted: TimelineFilter = _NO_FILTER,
    ) -> TimelinePage:
        """Read on until the page is full, nothing is left, or it has been tried often enough."""
        found = TimelinePage(window)
        rest = window
        for _ in range(_MAX_PAGES_SCANNED):
            rows = await self._rows(lists, heads, others, rest)
            found.more = rest.next_cursor(rows)
            if not rows:
                break
            shown = await self._load_visible([row for row in rows if keeps(row)], reader, wanted)
            there = [row for row in rows if row[0] in shown]
            for row in without_repeated_boosts(there) if lists is self._repository.homes else there:
                found.items[row[0]] = shown[row[0]]
            found.reached += [rows[0][0], rows[-1][0]]
            missing = window.limit - len(found.items)
            if missing <= 0 or not found.more:
                break
            rest = _next_window(rest, rows)
        return found

    async def _rows(
        self,
        lists: SegmentedLists,
        heads: Sequence[ListHead],
        others: Sequence[MergedList],
        window: Window,
    ) -> list[Row]:
        rows = [row for head in heads for row in await lists.read(head, window)]
        for other, head in others:
            flag = FROM_TAG if other is self._repository.tags else 0
            rows += [[*row[:2], row[2] | flag, *row[3:]] for row in await other.read(head, window)]
        return window.select(rows)

    async def _load_visible(
        self, rows: Sequence[Row], reader: Reader, wanted: TimelineFilter
    ) -> dict[str, TimelineItem]:
        """Posts of rows that may be seen, with their authors. At most one state call.

        Another for somebody whom more people block than their stance has room for.
        """
        if not rows:
            return {}
        repository = self._repository
        pairs = [pair for row in rows for pair in (row[:2], row[3:5]) if pair]
        reader = await self._with_block_states(reader, [author for _, author in pairs])
        cards = {post: repository.posts.key(post) for post, _ in pairs}
        people = {author: repository.accounts.key(author) for _, author in pairs}
        older = {
            id: repository.older_interactions.key(f"{reader.id}:{id}")
            for id in cards
            if id <= reader.interactions.floor
        }
        docs = await repository.cache.read([*cards.values(), *people.values()], older.values())

        def shown(id: str, author: str, wanted: TimelineFilter) -> TimelineItem | None:
            card, person = docs.get(cards[id]), docs.get(people[author])
            if card is None or person is None or not is_visible_account(person["data"]["profile"]):
                return None
            post = card["data"]["post"]
            if not _is_visible(post, reader, wanted):
                return None
            mark = docs.get(older.get(id, ""))
            flags = mark["data"]["flags"] if mark else reader.interactions.posts.get(id, (0, 0))[0]
            return TimelineItem(card, person, reader.interaction_flags(post, flags))

        found: dict[str, TimelineItem] = {}
        for row in rows:
            item = shown(row[0], row[1], wanted)
            if item is not None and row[2] & REBLOG:
                reblog = shown(row[3], row[4], _NO_FILTER)
                item = replace(item, flags=reblog.flags, reblog=reblog) if reblog else None
            if item is not None:
                found[row[0]] = item
        return found


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """A card and its author as they were read, with what the reader did with the post.

    For a boost, what was done with what it shows.
    """

    post: dict[str, Any]
    account: dict[str, Any]
    flags: int
    reblog: TimelineItem | None = None

    @property
    def post_id(self) -> str:
        """The id of the post."""
        id: str = self.post["data"]["post"]["id"]
        return id

    def view(self) -> dict[str, Any]:
        """A `contracts.posts.PostView`."""
        card = self.post["data"]
        shown = self.reblog.view() if self.reblog else None
        return {
            "post": card["post"],
            "version": card["version"],
            "counts": shown["counts"] if shown else _counts(card),
            "favourited": bool(self.flags & FAVOURITED),
            "bookmarked": bool(self.flags & BOOKMARKED),
            "reblogged": bool(self.flags & REBLOGGED),
            "pinned": bool(self.flags & PINNED) and not shown,
            "reblog": shown,
        }


class TimelinePage:
    """What was found for a page: posts by id, the ids that were reached, where there is more."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.items: dict[str, TimelineItem] = {}
        self.reached: list[str] = []
        self.more = ""

    def to_wire(self, known: str = "") -> dict[str, Any]:
        """A `contracts.posts.Page`; without its content if that is known already.

        What does not fit is left to the next page, which begins there.
        """
        window, ids = self._window, sorted(self.items, reverse=True)
        kept = ids[-window.limit :] if window.ascending else ids[: window.limit]
        first, last, more = max(self.reached, default=""), min(self.reached, default=""), self.more
        if len(kept) < len(ids) and window.ascending:
            first = more = kept[0]
        elif len(kept) < len(ids):
            last = more = kept[-1]
        shown = [self.items[id] for id in kept]
        items = [item for top in shown for item in (top, top.reblog) if item]
        people = {item.post["data"]["post"]["author"]: item.account for item in items}
        tag = _content_tag(
            first,
            last,
            *((i.post["data"]["post"]["id"], i.post["version"], i.flags) for i in items),
            *((id, person["version"]) for id, person in people.items()),
        )
        same = tag == known
        return {
            "views": [] if same else [item.view() for item in shown],
            "accounts": {}
            if same
            else {id: account_view(person["data"]) for id, person in people.items()},
            "first": first,
            "last": last,
            "more": more,
            "tag": tag,
            "same": same,
        }


def _content_tag(*parts: Any) -> str:
    return blake2b(orjson.dumps(parts), digest_size=12).hexdigest()


def _next_window(window: Window, rows: Sequence[Row]) -> Window:
    """The window that goes on where some rows end."""
    if window.ascending:
        return Window(window.limit, window.max_id, window.since_id, rows[0][0])
    return Window(window.limit, rows[-1][0], window.since_id, "")


def _is_visible(post: dict[str, Any], reader: Reader, wanted: TimelineFilter) -> bool:
    if not post or post["deleted"] or not reader.can_see(post):
        return False
    return wanted.matches_post(post)


def _counts(card: dict[str, Any]) -> dict[str, int]:
    reblogs = card.get("reblogs")  # not there in cards from before there were boosts
    return {
        "favourites": card["favourites"]["total"],
        "reblogs": reblogs["total"] if reblogs else 0,
        "replies": card["replies"]["total"],
    }


@lru_cache(maxsize=4096)
def _date_of_id(post: str) -> str:
    """The date on which a post was made."""
    return id_time(post).date().isoformat()


def account_view(person: dict[str, Any]) -> dict[str, Any]:
    """A `contracts.accounts.Account`."""
    last_post: str = person["last_post"]
    return {
        "profile": person["profile"],
        "counts": {
            "followers": person["followers"]["total"],
            "following": person["following"]["total"],
            "statuses": person["statuses"]["total"],
            "last_status_at": _date_of_id(last_post) if last_post else None,
        },
        "version": person["version"],
    }
