"""Cuts a timeline into pages."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.storage.window import normalize_id


def page(posts: Sequence[str], cursor: str, limit: int) -> tuple[list[str], str]:
    """Return a page of posts, and the cursor of the next one; an empty one after the last page.

    `posts` are ids of 18 digits, the newest first. The first page has an empty cursor. Raises
    `Invalid` for a cursor that is none.
    """
    below = normalize_id(cursor) if cursor else ""
    left = [post for post in posts if not below or post < below]
    found = left[:limit]
    return found, found[-1] if len(left) > limit else ""
