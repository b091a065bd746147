"""Paging as clients see it: four query parameters in, a `Link` header out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request

from services.chassis.paging import Window

_OWN = frozenset({"max_id", "since_id", "min_id"})

Limit = Annotated[int, Query(description="How many; more than the most gives the most.")]
Id = Annotated[str | None, Query(max_length=20, examples=["114000000000000000"])]


def _window(default: int, cap: int) -> Callable[..., Awaitable[Window]]:
    async def window(
        limit: Limit = default,
        max_id: Id = None,
        since_id: Id = None,
        min_id: Id = None,
    ) -> Window:
        return Window.of(max(1, min(limit, cap)), max_id, since_id, min_id)

    return window


Posts = Annotated[Window, Depends(_window(20, 40))]
"""A page of posts."""

People = Annotated[Window, Depends(_window(40, 80))]
"""A page of people."""


def links(public_url: str, request: Request, first: str, last: str) -> dict[str, str]:
    """The `Link` header of a page that reaches from `first` (newest) to `last`; none if empty.

    `rel="next"` comes first, because some clients look no further. Everything else that was asked
    is kept.
    """
    if not last:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in _OWN]
    address = public_url + request.url.path
    older = urlencode([*kept, ("max_id", last)])
    newer = urlencode([*kept, ("min_id", first)])
    return {"link": f'<{address}?{older}>; rel="next", <{address}?{newer}>; rel="prev"'}


def links_of(public_url: str, request: Request, ids: Sequence[str]) -> dict[str, str]:
    """The `Link` header of a page with these ids, newest first."""
    return links(public_url, request, ids[0], ids[-1]) if ids else {}
