"""Entities as bytes, rendered once per version.

A status is cached without its account, and an account by itself, so that a new follower does not
invalidate all posts of an account. They are joined by copying bytes. A page of cached posts costs
two lookups per post.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import ConversationViewJson, PostViewJson
from services.contracts.accounts import Account
from services.contracts.posts import PostView
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.entities import people, posts
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.urls import PublicUrls

Row = Mapping[str, Any]
"""An `Account` or `PostView` as parsed JSON."""

ProductCards = Mapping[str, bytes]
"""Rendered product cards by id, of products that are on sale."""

_NO_PRODUCT_CARDS: ProductCards = {}


class EntityRenderer:
    """Renders accounts and statuses from rows, and caches them within a bound in bytes."""

    def __init__(self, at: PublicUrls, writer: HtmlWriter, bytes_at_most: int) -> None:
        self._at = at
        self._writer = writer
        self._accounts = LruByteCache(bytes_at_most // 4)
        self._posts = LruByteCache(bytes_at_most - bytes_at_most // 4)
        self.caches = {"rendered_accounts": self._accounts, "rendered_posts": self._posts}

    def account(self, row: AccountJson) -> bytes:
        """The entity Account."""
        counts = row["counts"]
        key = (row["profile"]["id"], row["version"], *counts.values())
        return self._accounts.get(key) or self._accounts.put(
            key,
            orjson.dumps(people.account(Account.model_validate(row), self._at, self._writer)),
        )

    def status(
        self,
        view: PostViewJson,
        authors: Mapping[str, AccountJson],
        cards: ProductCards = _NO_PRODUCT_CARDS,
    ) -> bytes:
        """The entity Status. Raises `KeyError` if an author is missing."""
        author = authors[view["post"]["author"]]
        shown = view.get("reblog")
        reblog = self.status(shown, authors, cards) if shown else b"null"
        key = (
            view["post"]["id"],
            view["version"],
            *view["counts"].values(),
            view["favourited"],
            view["bookmarked"],
            view.get("reblogged"),
            view.get("pinned"),
        )
        body = self._posts.get(key) or self._posts.put(key, self._body(view, author))
        products = b",".join([cards[id] for id in _product_ids(view) if id in cards])
        joined = (body, self.account(author), reblog, products)
        return b'%b,"account":%b,"reblog":%b,"products":[%b]}' % joined

    def _body(self, view: PostViewJson, author: AccountJson) -> bytes:
        username = author["profile"]["username"]
        entity = posts.status(PostView.model_validate(view), username, self._at, self._writer)
        return orjson.dumps(entity)[:-1]

    def statuses(
        self,
        views: Iterable[PostViewJson],
        authors: Mapping[str, AccountJson],
        cards: ProductCards = _NO_PRODUCT_CARDS,
    ) -> bytes:
        """A list of Status, without posts whose author is missing."""
        return b"[%b]" % b",".join(
            [
                self.status(view, authors, cards)
                for view in views
                if all(author in authors for author in author_ids_of(view))
            ]
        )

    def accounts(self, rows: Iterable[AccountJson]) -> bytes:
        """A list of Account."""
        return b"[%b]" % b",".join([self.account(row) for row in rows])

    def conversation(
        self, view: ConversationViewJson, accounts: Mapping[str, AccountJson], cards: ProductCards
    ) -> bytes:
        """The entity Conversation. Raises `KeyError` if the last post's author is missing."""
        people = self.accounts(accounts[id] for id in view["people"] if id in accounts)
        body = orjson.dumps({"id": view["id"], "unread": view["unread"]})[:-1]
        status = self.status(view["last"], accounts, cards)
        return b'%b,"accounts":%b,"last_status":%b}' % (body, people, status)

    def muted(self, rows: Iterable[tuple[AccountJson, str | None]]) -> bytes:
        """A list of MutedAccount: each account with the time at which its mute ends."""
        return b"[%b]" % b",".join(
            [
                b'%b,"mute_expires_at":%b}' % (self.account(row)[:-1], orjson.dumps(until))
                for row, until in rows
            ]
        )


def author_ids_of(view: PostViewJson) -> list[str]:
    """The author of a post; for a boost also the author of the boosted post."""
    author = view["post"]["author"]
    reblog = view.get("reblog")
    return [author, reblog["post"]["author"]] if reblog else [author]


def product_ids_of(views: Iterable[PostViewJson]) -> list[str]:
    """The products of posts and of the posts that they boost, each once."""
    both = [view.get("reblog") or view for view in views]
    return list(dict.fromkeys([id for view in both for id in _product_ids(view)]))


def _product_ids(view: PostViewJson) -> Sequence[str]:
    return view["post"].get("product_ids", ())
