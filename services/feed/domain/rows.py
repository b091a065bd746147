"""Rows of timelines, and the timelines to which a post belongs.

A row is `[post id, author id, flags]`. The row of a boost also has the id and the author of the
boosted post, so that both are read together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = list[Any]

POST_ID, AUTHOR_ID, FLAGS, BOOSTED_ID, BOOSTED_AUTHOR_ID = range(5)
"""The columns of a row."""

MEDIA, REPLY, LISTED, PRIVATE, DIRECT, REBLOG = 1, 2, 4, 8, 16, 32
"""The flags of a stored row."""

FROM_TAG = 1024
"""The flag of a row that a home gets from the timeline of a hashtag. It is never stored."""

MAX_HOME_ROWS, MAX_PUBLIC_ROWS, MAX_TAG_ROWS = 800, 800, 4_000
"""How many of the newest rows a home, the public and a hashtag timeline keep."""

_VISIBILITY_FLAGS = {"public": LISTED, "unlisted": 0, "private": PRIVATE, "direct": DIRECT}


def row_of(post: Mapping[str, Any]) -> Row:
    """Return the row of a post."""
    flags = _VISIBILITY_FLAGS[post["visibility"]]
    flags |= MEDIA if post["attachments"] else 0
    flags |= REPLY if post["in_reply_to_id"] else 0
    if not post.get("reblog_of_id"):
        return [post["id"], post["author"], flags]
    boosted = [post["reblog_of_id"], post["reblog_of_account_id"]]
    return [post["id"], post["author"], flags | REBLOG, *boosted]


def with_flag(row: Row, flag: int) -> Row:
    """Return a row with one more flag."""
    return [*row[:FLAGS], row[FLAGS] | flag, *row[FLAGS + 1 :]]


def without_repeated_boosts(rows: Sequence[Row]) -> list[Row]:
    """Return rows, newest first, without boosts of posts that are shown further down."""
    shown: set[str] = set()
    kept: list[Row] = []
    for row in reversed(rows):
        post = row[BOOSTED_ID] if row[FLAGS] & REBLOG else row[POST_ID]
        if not row[FLAGS] & REBLOG or post not in shown:
            kept.append(row)
        shown.add(post)
    return kept[::-1]


def timelines_of(post: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return to which shared timelines a post belongs: ids by kind."""
    shared = post["visibility"] == "public" and not post.get("reblog_of_id")
    return {
        "author": {post["author"]},
        "public": {"all"} if shared and not post["in_reply_to_id"] else set(),
        "tag": set(post["tags"]) if shared else set(),
    }


def timeline_ids(post: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the shared timelines of a post as pairs of kind and id; none if it is deleted."""
    if not post or post["deleted"]:
        return set()
    return {(kind, id) for kind, ids in timelines_of(post).items() for id in ids}


def home_owners(post: Mapping[str, Any], followers: Iterable[str]) -> list[str]:
    """Return to whose homes a post is delivered: the author's and the followers'.

    A direct post goes to the author and the mentioned users.
    """
    if post["visibility"] == "direct":
        followers = [mention["id"] for mention in post["mentions"]]
    return list(dict.fromkeys([post["author"], *followers]))
