"""Reading timelines.

State calls: two for a newest page (the list with the reader's stance; the posts with their authors
and the reader's marks), three for any other, or where large authors are merged in; the same however
many one follows. A page on which much is filtered away may take `_TRIES` more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.chassis.ids import instant
from services.chassis.paging import Row, Window
from services.chassis.segments import Head, SegmentedLists
from services.chassis.sidecar import ABSENT
from services.feed.domain import DIRECT, MEDIA, PRIVATE, REPLY, Reader, Stance
from services.feed.store import Store

_TRIES = 3
_LARGE_FOR = 2.0
"""For how many seconds the list of large authors is kept in memory."""

Keep = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """What of an account's timeline, or of a shared one, is wanted."""

    only_media: bool = False
    exclude_replies: bool = False
    tagged: str = ""

    def keeps(self, row: Row) -> bool:
        flags = row[2]
        return not (self.only_media and not flags & MEDIA) and not (
            self.exclude_replies and flags & REPLY
        )


class Timelines:
    """The pages that people read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._large: frozenset[str] = frozenset()
        self._large_until = 0.0

    async def home(self, user: str, window: Window) -> dict[str, Any]:
        """Somebody's own posts and those of all they follow."""
        homes = self._store.homes
        head, reader = await self._begin(homes, user, user)
        large = sorted(reader.stance.follows.keys() & self._large)
        others = list((await self._store.authors.heads.get_many(large)).values()) if large else []
        return await self._page(homes, [head], window, reader, reader.wants_at_home, others=others)

    async def public(self, user: str, window: Window, wanted: Filter) -> dict[str, Any]:
        """Everybody's public posts."""
        head, reader = await self._begin(self._store.public, "all", user)
        return await self._shared(self._store.public, head, window, reader, wanted)

    async def tag(self, tag: str, user: str, window: Window, wanted: Filter) -> dict[str, Any]:
        """Public posts with a hashtag."""
        head, reader = await self._begin(self._store.tags, tag.lower(), user)
        return await self._shared(self._store.tags, head, window, reader, wanted)

    async def account(
        self, author: str, user: str, window: Window, wanted: Filter
    ) -> dict[str, Any]:
        """Somebody's posts, as far as the reader may see them."""
        head, reader = await self._begin(self._store.authors, author, user)
        if not reader.stance.blocked_by.get(author, 0) <= 0:
            return _EMPTY
        own = author == user
        follows = author in reader.stance.follows

        def keeps(row: Row) -> bool:
            hidden = row[2] & PRIVATE and not (own or follows or user)
            return wanted.keeps(row) and not hidden and not (row[2] & DIRECT and not user)

        visible = Reader(reader.id, Stance(follows=reader.stance.follows))
        return await self._page(
            self._store.authors, [head], window, visible, keeps, tagged=wanted.tagged
        )

    async def _shared(
        self, lists: SegmentedLists, head: Head, window: Window, reader: Reader, wanted: Filter
    ) -> dict[str, Any]:
        def keeps(row: Row) -> bool:
            return wanted.keeps(row) and reader.stance.sees(row[1])

        return await self._page(lists, [head], window, reader, keeps)

    async def _begin(self, lists: SegmentedLists, id: str, user: str) -> tuple[Head, Reader]:
        """A list's head and who reads it, in one state call."""
        store = self._store
        keys = [lists.heads.key(id)]
        if user:
            keys.append(store.stances.key(user))
        refresh = lists is store.homes and time.monotonic() > self._large_until
        if refresh:
            keys.append(store.large.key("all"))
        rows = await store.state.get_many(keys)
        if refresh:
            large = store.large.open(rows.get(store.large.key("all"), ABSENT))
            self._large = frozenset(large.value.ids if large else ())
            self._large_until = time.monotonic() + _LARGE_FOR
        head = lists.heads.open(rows.get(keys[0], ABSENT))
        stance = store.stances.open(rows.get(store.stances.key(user), ABSENT))
        return (
            head.value if head else Head(),
            Reader(user, stance.value if stance else Stance()),
        )

    async def _page(
        self,
        lists: SegmentedLists,
        heads: Sequence[Head],
        window: Window,
        reader: Reader,
        keeps: Keep,
        *,
        others: Sequence[Head] = (),
        tagged: str = "",
    ) -> dict[str, Any]:
        """Read on until the page is full, nothing is left, or it has been tried often enough."""
        views: list[dict[str, Any]] = []
        accounts: dict[str, Any] = {}
        reached: list[str] = []
        rest = window
        for _ in range(_TRIES):
            rows = await self._rows(lists, heads, others, rest)
            if not rows:
                break
            kept = [row for row in rows if keeps(row)]
            new, people = await self._show(kept, reader, tagged)
            views += new
            accounts |= people
            reached += [rows[0][0], rows[-1][0]]
            missing = window.limit - len(views)
            if missing <= 0 or len(rows) < rest.limit:
                break
            rest = _beyond(rest, rows)
        return _bounded(views, accounts, reached, window)

    async def _rows(
        self,
        lists: SegmentedLists,
        heads: Sequence[Head],
        others: Sequence[Head],
        window: Window,
    ) -> list[Row]:
        rows = [row for head in heads for row in await lists.read(head, window)]
        for head in others:
            rows += await self._store.authors.read(head, window)
        return window.cut(rows)

    async def _show(
        self, rows: Sequence[Row], reader: Reader, tagged: str
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The posts of some rows that may be seen, and who made them, in one state call."""
        if not rows:
            return [], {}
        store = self._store
        cards = [store.cards.key(row[0]) for row in rows]
        people = {row[1]: store.people.key(row[1]) for row in rows}
        marks = [store.marks.key(f"{reader.id}:{row[0]}") for row in rows] if reader.id else []
        found = await store.state.get_many([*cards, *people.values(), *marks])
        views: list[dict[str, Any]] = []
        for i, key in enumerate(cards):
            if key not in found:
                continue
            card: dict[str, Any] = found[key].value["data"]
            mark = found.get(marks[i], ABSENT).value if marks else None
            if _shows(card["post"], reader, tagged) and people[card["post"]["author"]] in found:
                views.append(_view(card, mark["data"] if mark else None))
        authors = {view["post"]["author"] for view in views}
        return views, {id: _account(found[people[id]].value["data"]) for id in authors}


_EMPTY: dict[str, Any] = {"views": [], "accounts": {}, "first": "", "last": ""}


def _bounded(
    views: list[dict[str, Any]], accounts: dict[str, Any], reached: list[str], window: Window
) -> dict[str, Any]:
    """A `contracts.posts.Page`. What does not fit is left to the next page, which begins there."""
    views.sort(key=lambda view: view["post"]["id"], reverse=True)
    shown = views[-window.limit :] if window.upwards else views[: window.limit]
    first, last = max(reached, default=""), min(reached, default="")
    if len(shown) < len(views) and window.upwards:
        first = shown[0]["post"]["id"]
    elif len(shown) < len(views):
        last = shown[-1]["post"]["id"]
    return {"views": shown, "accounts": accounts, "first": first, "last": last}


def _beyond(window: Window, rows: Sequence[Row]) -> Window:
    """The window that goes on where some rows end."""
    if window.upwards:
        return Window(window.limit, window.max_id, window.since_id, rows[0][0])
    return Window(window.limit, rows[-1][0], window.since_id, "")


def _shows(post: dict[str, Any], reader: Reader, tagged: str) -> bool:
    if not post or post["deleted"] or not reader.may_see(post):
        return False
    return not tagged or tagged.lower() in post["tags"]


def _view(card: dict[str, Any], mark: dict[str, Any] | None) -> dict[str, Any]:
    """A `contracts.posts.PostView`, from documents as they were read: this is the hot path."""
    return {
        "post": card["post"],
        "version": card["version"],
        "counts": {
            "favourites": card["favourites"]["total"],
            "reblogs": 0,
            "replies": card["replies"]["total"] if "replies" in card else 0,
        },
        "favourited": bool(mark and mark["favourited"]),
        "bookmarked": bool(mark and mark["bookmarked"]),
    }


@lru_cache(maxsize=4096)
def _day(post: str) -> str:
    """The date on which a post was made."""
    return instant(post).date().isoformat()


def _account(person: dict[str, Any]) -> dict[str, Any]:
    """A `contracts.accounts.Account`."""
    last_post: str = person["last_post"]
    return {
        "profile": person["profile"],
        "counts": {
            "followers": person["followers"]["total"],
            "following": person["following"]["total"],
            "statuses": person["statuses"]["total"],
            "last_status_at": _day(last_post) if last_post else None,
        },
        "version": person["version"],
    }
