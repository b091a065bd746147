"""What a page of a timeline contains, and its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from services.chassis.ids import id_date
from services.chassis.storage.window import Window
from services.contracts.invalidations import account_document, post_document
from services.feed.domain.interactions import BOOKMARKED, FAVOURITED, PINNED, REBLOGGED


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """The encoded projections of a post and its author, and the flags of the reader.

    For a boost, the flags are those of the boosted post (`reblog`).
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

    @property
    def author(self) -> str:
        """The id of the author."""
        author: str = self.post["data"]["post"]["author"]
        return author

    def with_reblog(self) -> tuple[TimelineItem, ...]:
        """Return the item, and the boosted one if there is one."""
        return (self, self.reblog) if self.reblog else (self,)

    def ref(self) -> list[Any]:
        """Return a `contracts.posts.PostRef`."""
        projection = self.post["data"]
        post = projection["post"]
        reblog = self.reblog
        return [
            post["author"],
            projection["version"],
            *_counts(reblog.post["data"] if reblog else projection).values(),
            self.flags & ~PINNED if reblog else self.flags,
            post.get("product_ids", []),
            reblog.post_id if reblog else "",
        ]

    def view(self) -> dict[str, Any]:
        """Return a `contracts.posts.PostView`."""
        projection = self.post["data"]
        boosted = self.reblog.view() if self.reblog else None
        return {
            "post": projection["post"],
            "version": projection["version"],
            "counts": boosted["counts"] if boosted else _counts(projection),
            "favourited": bool(self.flags & FAVOURITED),
            "bookmarked": bool(self.flags & BOOKMARKED),
            "reblogged": bool(self.flags & REBLOGGED),
            "pinned": bool(self.flags & PINNED) and not boosted,
            "reblog": boosted,
        }


class TimelinePage:
    """The items found for a page by post id, the ids that were reached, and the next cursor."""

    def __init__(self, window: Window, documents: Iterable[str] = ()) -> None:
        self._window = window
        self.items: dict[str, TimelineItem] = {}
        self.documents = set(documents)
        """The documents on which the page depends, as caches know them."""
        self.reached: list[str] = []
        self.more = ""

    def to_wire(self, known: str = "") -> dict[str, Any]:
        """Return a `contracts.posts.Page`, without what who knows the tag `known` has already.

        Items that do not fit are left to the next page, which begins there.
        """
        window, ids = self._window, sorted(self.items, reverse=True)
        kept = ids[-window.limit :] if window.ascending else ids[: window.limit]
        first, last, more = max(self.reached, default=""), min(self.reached, default=""), self.more
        if len(kept) < len(ids) and window.ascending:
            first = more = kept[0]
        elif len(kept) < len(ids):
            last = more = kept[-1]
        items = {item.post_id: item for id in kept for item in self.items[id].with_reblog()}
        accounts = {item.author: item.account for item in items.values()}
        shown = {*map(post_document, items), *map(account_document, accounts)}
        brief = {
            "ids": kept,
            "refs": {id: item.ref() for id, item in items.items()},
            "people": {id: account_ref(account["data"]) for id, account in accounts.items()},
            "first": first,
            "last": last,
            "more": more,
            "documents": sorted(self.documents - shown),
        }
        tag = blake2b(orjson.dumps(brief), digest_size=12).hexdigest()
        if tag == known:
            return {"tag": tag, "same": True}
        if known:
            return {**brief, "tag": tag, "same": False}
        content = _content([self.items[id] for id in kept], accounts)
        bounds = {"first": first, "last": last, "more": more}
        return content | bounds | {"tag": tag, "same": False, "documents": [*self.documents]}


def page_of(items: Sequence[TimelineItem]) -> dict[str, Any]:
    """Return a `contracts.posts.Page` of some items, without cursors."""
    return {**_content(items, {one.author: one.account for one in items}), "first": "", "last": ""}


def account_ref(account: dict[str, Any]) -> list[Any]:
    """Return a `contracts.posts.AccountRef` from the JSON of an account's projection."""
    return [account["version"], *_account_counts(account).values()]


def account_view(account: dict[str, Any]) -> dict[str, Any]:
    """Return a `contracts.accounts.Account` from the JSON of an account's projection."""
    return {
        "profile": account["profile"],
        "counts": _account_counts(account),
        "version": account["version"],
    }


def _account_counts(account: dict[str, Any]) -> dict[str, Any]:
    last_post: str = account["last_post"]
    return {
        "followers": account["followers"]["total"],
        "following": account["following"]["total"],
        "statuses": account["statuses"]["total"],
        "last_status_at": _date_of_id(last_post) if last_post else None,
    }


def _content(items: Sequence[TimelineItem], accounts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "views": [item.view() for item in items],
        "accounts": {id: account_view(account["data"]) for id, account in accounts.items()},
    }


def _counts(projection: dict[str, Any]) -> dict[str, int]:
    reblogs = projection.get("reblogs")  # absent in documents older than boosts
    return {
        "favourites": projection["favourites"]["total"],
        "reblogs": reblogs["total"] if reblogs else 0,
        "replies": projection["replies"]["total"],
    }


@lru_cache(maxsize=4096)
def _date_of_id(post: str) -> str:
    """Return the date on which a post was created."""
    return id_date(post)
