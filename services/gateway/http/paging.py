"""Pagination: four query parameters in, a `Link` header out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Request

from services.chassis.errors import Invalid
from services.chassis.storage.window import Window

_PAGE_PARAMETERS = frozenset({"max_id", "since_id", "min_id"})


def _window(default: int, cap: int) -> Callable[[Request], Awaitable[Window]]:
    """Reads the window by hand: declared parameters would cost more than the page itself."""

    async def window(request: Request) -> Window:
        query = request.query_params
        return Window.of(
            _limit(query.get("limit"), default, cap),
            query.get("max_id"),
            query.get("since_id"),
            query.get("min_id"),
        )

    return window


def _limit(written: str | None, default: int, cap: int) -> int:
    if not written:
        return default
    if not (written.isascii() and written.isdigit() and len(written) <= 9):
        raise Invalid("limit must be a whole number.")
    return max(1, min(int(written), cap))


PostWindow = Annotated[Window, Depends(_window(20, 40))]
"""A page of posts."""

AccountWindow = Annotated[Window, Depends(_window(40, 80))]
"""A page of accounts or notifications."""

CountWindow = Annotated[Window, Depends(_window(100, 1_000))]
"""How far unread items are counted."""

TagWindow = Annotated[Window, Depends(_window(100, 200))]
"""A page of hashtags."""


def page_parameters(**flags: str) -> dict[str, Any]:
    """The parameters of a page for `openapi_extra`; `flags` are further ones, with descriptions."""
    return {
        "parameters": [
            _parameter("limit", "The page size; a larger value gives the largest page.", "integer"),
            _parameter("max_id", "Only items older than this id."),
            _parameter("since_id", "Only items newer than this id, the newest first."),
            _parameter("min_id", "The page immediately newer than this id."),
            *(_parameter(name, meaning, "boolean") for name, meaning in flags.items()),
        ]
    }


def _parameter(name: str, meaning: str, kind: str = "string") -> dict[str, Any]:
    schema = {"type": kind}
    return {"name": name, "in": "query", "description": meaning, "schema": schema}


def link_header(public_url: str, request: Request, first: str, last: str) -> dict[str, str]:
    """The `Link` header of a page from `first` (newest) to `last`; no header for an empty page.

    `rel="next"` comes first, because some clients read only the first link. The other query
    parameters are repeated.
    """
    if not last:
        return {}
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in _PAGE_PARAMETERS
    ]
    same = urlencode(kept) + "&" if kept else ""
    address = f"{public_url}{quote(request.scope['path'])}?{same}"
    return {"link": f'<{address}max_id={last}>; rel="next", <{address}min_id={first}>; rel="prev"'}


def link_header_of(public_url: str, request: Request, ids: Sequence[str]) -> dict[str, str]:
    """The `Link` header of a page with these ids, newest first."""
    return link_header(public_url, request, ids[0], ids[-1]) if ids else {}
