"""A reader who turns pages while others post and delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.errors import Invalid
from tools.learn.report import Work

LIMIT = 3
LOOK = "pages.py: what does a cursor stand for?"


def _post(number: int) -> str:
    return f"{117_000_000_000_000_000 + number}"


def _read(page: Any, posts: list[str], meanwhile: Callable[[list[str]], None]) -> list[str]:
    """Read all pages; `meanwhile` changes the posts after the first one."""
    found, cursor = page(posts, "", LIMIT)
    read = list(found)
    meanwhile(posts)
    for _ in range(20):
        if not cursor:
            break
        found, cursor = page(posts, cursor, LIMIT)
        read += found
    return read


async def check(work: Work) -> None:
    """Check `page` of pages.py."""
    page = work.module("pages").page
    posts = [_post(n) for n in range(10, 0, -1)]
    read = _read(page, [*posts], lambda _: None)
    work.require(
        "a timeline at rest is read whole, and each post once",
        read == posts,
        expected=_short(posts),
        seen=_short(read),
        look="pages.py, `page`",
    )
    read = _read(page, [*posts], lambda now: now.insert(0, _post(11)))
    work.require(
        "a new post shows no other one twice",
        read == posts,
        expected=_short(posts),
        seen=_short(read),
        look=LOOK,
    )
    read = _read(page, [*posts], lambda now: now.remove(posts[0]))
    work.require(
        "a deleted post hides no other one",
        read == posts,
        expected=_short(posts),
        seen=_short(read),
        look=LOOK,
    )
    read = _read(page, [*posts], lambda now: now.remove(posts[2]))
    work.require(
        "the next page is found also if its cursor was deleted",
        read == posts,
        expected=_short(posts),
        seen=_short(read),
        look="pages.py: compare ids, and do not search for the cursor",
    )
    for cursor in ("-1", "abc", "1.5", "9" * 400):
        work.require(
            f'the cursor "{cursor[:8]}" is refused',
            (seen := _outcome(page, posts, cursor)) == Invalid.__name__,
            expected=Invalid.__name__,
            seen=seen,
            look="pages.py: a client can send anything",
        )


def _outcome(page: Any, posts: Sequence[str], cursor: str) -> str:
    try:
        page(posts, cursor, LIMIT)
    except Exception as error:
        return type(error).__name__
    return "a page"


def _short(posts: Sequence[str]) -> str:
    return ", ".join(str(int(post) % 1_000) for post in posts)
