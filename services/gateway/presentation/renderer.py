"""Entities as bytes, rendered once per version.

A status is cached without its account, and an account by itself, so that a new follower does not
invalidate all posts of an account. They are joined by copying bytes. A page of cached posts costs
two lookups per post.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from services.clients.json_types.accounts import AccountJson, ProfileJson
from services.clients.json_types.posts import ConversationViewJson, PostJson, PostViewJson
from services.contracts.accounts import Account
from services.contracts.posts import PostView
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.contents import Contents
from services.gateway.presentation.entities import people, posts
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.references import is_reference
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
        quarter = bytes_at_most // 4
        self._accounts = LruByteCache(quarter)
        self._posts = LruByteCache(bytes_at_most - 2 * quarter)
        self.contents = Contents(quarter)
        self.caches: dict[str, LruByteCache | Contents] = {
            "rendered_accounts": self._accounts,
            "rendered_posts": self._posts,
            "contents": self.contents,
        }

    def account(self, row: AccountJson) -> bytes:
        """The entity Account. Raises `ContentMissing` for a reference that cannot be resolved."""
        key = (row["profile"]["id"], row["version"], *row["counts"].values())
        return self._accounts.get(key) or self._accounts.put(key, self._account(row))

    def _account(self, row: AccountJson) -> bytes:
        account = Account.model_validate({**row, "profile": self._profile(row)})
        return orjson.dumps(people.account(account, self._at, self._writer))

    def _profile(self, row: AccountJson) -> ProfileJson:
        profile, version = row["profile"], row["version"]
        if is_reference(profile):
            return self.contents.profile(profile["id"], version)
        self.contents.add_profile(profile, version)
        return profile

    def status(
        self,
        view: PostViewJson,
        authors: Mapping[str, AccountJson],
        cards: ProductCards = _NO_PRODUCT_CARDS,
    ) -> bytes:
        """The entity Status. Raises `KeyError` if an author is missing.

        It is a `ContentMissing` for a reference that cannot be resolved.
        """
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
        post = view["post"]
        if is_reference(post):
            post = self.contents.post(post["id"], view["version"])
        else:
            self.contents.add_post(post, view["version"])
        full = PostView.model_validate({**view, "post": post, "reblog": None})
        entity = posts.status(full, self._profile(author)["username"], self._at, self._writer)
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


def posts_of(view: PostViewJson) -> list[PostJson]:
    """The post, and the boosted one if there is one."""
    reblog = view.get("reblog")
    return [view["post"], reblog["post"]] if reblog else [view["post"]]


def author_ids_of(view: PostViewJson) -> list[str]:
    """The author of a post; for a boost also the author of the boosted post."""
    return [post["author"] for post in posts_of(view)]


def product_ids_of(views: Iterable[PostViewJson]) -> list[str]:
    """The products of posts and of the posts that they boost, each once."""
    both = [view.get("reblog") or view for view in views]
    return list(dict.fromkeys([id for view in both for id in _product_ids(view)]))


def _product_ids(view: PostViewJson) -> Sequence[str]:
    return view["post"].get("product_ids", ())
