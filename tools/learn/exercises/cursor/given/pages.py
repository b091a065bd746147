"""Cuts a timeline into pages."""

from __future__ import annotations

from collections.abc import Sequence


def page(posts: Sequence[str], cursor: str, limit: int) -> tuple[list[str], str]:
    """Return a page of posts, and the cursor of the next one; an empty one after the last page.

    `posts` are ids of 18 digits, the newest first. The first page has an empty cursor.
    """
    start = int(cursor or 0)
    end = start + limit
    return list(posts[start:end]), str(end) if end < len(posts) else ""
