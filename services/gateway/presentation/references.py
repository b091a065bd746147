"""Rows of which the feed only sent versions and numbers: `Page.refs` and `Page.people`.

They have the shape of other rows, but their post or profile has no content. The renderer finds it
by the id and the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import PageJson, PostViewJson
from services.contracts.posts import AccountRef, PostRef

_FAVOURITED, _BOOKMARKED, _REBLOGGED, _PINNED = 1, 2, 4, 8


def is_reference(content: Mapping[str, Any]) -> bool:
    """Whether a post or profile has no content."""
    return "created_at" not in content


def referenced_views(page: PageJson) -> list[PostViewJson]:
    """The posts of a page as references."""
    return [_view(id, page["refs"]) for id in page["ids"]]


def referenced_accounts(page: PageJson) -> dict[str, AccountJson]:
    """The authors of a page as references."""
    return {id: _account(id, AccountRef(*ref)) for id, ref in page["people"].items()}


def _view(id: str, refs: Mapping[str, PostRef]) -> PostViewJson:
    ref = PostRef(*refs[id])
    view = {
        "post": {"id": id, "author": ref.author, "product_ids": ref.product_ids},
        "version": ref.version,
        "counts": {
            "favourites": ref.favourites,
            "reblogs": ref.reblogs,
            "replies": ref.replies,
        },
        "favourited": bool(ref.flags & _FAVOURITED),
        "bookmarked": bool(ref.flags & _BOOKMARKED),
        "reblogged": bool(ref.flags & _REBLOGGED),
        "pinned": bool(ref.flags & _PINNED),
        "reblog": _view(ref.reblog, refs) if ref.reblog else None,
    }
    return cast(PostViewJson, view)


def _account(id: str, ref: AccountRef) -> AccountJson:
    counts = ref._asdict()
    account = {"profile": {"id": id}, "version": counts.pop("version"), "counts": counts}
    return cast(AccountJson, account)
