"""Pages as Relay connections, over the windows of the services.

Lists are newest first. `first` and `after` continue to older rows, `last` and `before` to newer
ones; a cursor is opaque. Rows that the caller may not see are left out, so a page may be shorter
than requested. Services are asked for one row more than is shown, which tells whether there is
another page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Generic, TypeVar

import strawberry

from services.chassis.errors import Invalid
from services.chassis.storage.window import Window, normalize_id
from services.clients.paths import numeric_id
from services.gateway.graphql.cost import DEFAULT_PAGE_SIZE

Node = TypeVar("Node")

MAX_POSTS = 40
"""The largest page of posts, as in the client API."""

MAX_ACCOUNTS = 80
"""The largest page of people or notifications."""

MAX_IDS = 80

First = Annotated[
    int | None, strawberry.argument(description="The number of rows, from the newest.")
]

After = Annotated[
    str | None, strawberry.argument(description="Only rows after this cursor, which are older.")
]

Last = Annotated[
    int | None, strawberry.argument(description="The number of rows immediately before `before`.")
]

Before = Annotated[
    str | None, strawberry.argument(description="Only rows before this cursor, which are newer.")
]

Ids = Annotated[list[strawberry.ID], strawberry.argument(description="At most 80.")]


@strawberry.type(description="The position of a page.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether older rows follow; the caller may not see all of them."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether newer rows precede; always true with `after`."
    )
    start_cursor: str | None
    end_cursor: str | None = strawberry.field(
        description="The end of the page, which may be after the last visible row."
    )


@strawberry.type(description="A row of a page.")
class Edge(Generic[Node]):
    node: Node
    cursor: str


@strawberry.type(description="A page.")
class Connection(Generic[Node]):
    edges: list[Edge[Node]]
    nodes: list[Node] = strawberry.field(description="The nodes of the edges.")
    page_info: PageInfo


def window(
    first: int | None, after: str | None, last: int | None, before: str | None, most: int
) -> Window:
    """The window of the arguments of a page. Raises `Invalid`."""
    if last is not None or before is not None:
        if first is not None or after is not None:
            raise Invalid("A page takes either first and after, or last and before.")
        if before is None:
            raise Invalid("last needs before.")
        return Window(_size(last, "last", most), min_id=normalize_id(before))
    return Window(_size(first, "first", most), max_id=normalize_id(after) if after else "")


def offset(first: int | None, after: str | None, most: int) -> tuple[int, int]:
    """The page size and the offset, for lists with offsets. Raises `Invalid`."""
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 4):
        raise Invalid("This cursor does not belong to this list.")
    return _size(first, "first", most), int(after or 0)


def _size(asked: int | None, name: str, most: int) -> int:
    size = DEFAULT_PAGE_SIZE if asked is None else asked
    if not 1 <= size <= most:
        raise Invalid(f"{name} must be between 1 and {most}.")
    return size


def probe(wanted: Window) -> Window:
    """A window with one more row, which tells `page` whether there is another page."""
    return replace(wanted, limit=wanted.limit + 1)


def page(
    rows: Sequence[tuple[str, Node]], wanted: Window, more: str, *, first: str = "", last: str = ""
) -> Connection[Node]:
    """The page of a window, from the rows of `probe(wanted)` with their cursors, newest first.

    `more` is where the service's list continues; `first` and `last` are the ends of its page.
    """
    first, last = first or _cursor(rows[:1]), last or _cursor(rows[-1:])
    if len(rows) > wanted.limit:
        rows = rows[-wanted.limit :] if wanted.ascending else rows[: wanted.limit]
        more = _cursor(rows[:1] if wanted.ascending else rows[-1:])
    newer, older = (more, "") if wanted.ascending else ("", more)
    return connection(
        rows,
        PageInfo(
            has_next_page=wanted.ascending or bool(older),
            has_previous_page=bool(newer or wanted.max_id),
            start_cursor=newer or first or None,
            end_cursor=older or last or None,
        ),
    )


def _cursor(row: Sequence[tuple[str, Node]]) -> str:
    return row[0][0] if row else ""


def connection(rows: Sequence[tuple[str, Node]], info: PageInfo) -> Connection[Node]:
    """A connection from rows with their cursors."""
    return Connection(
        edges=[Edge(node=node, cursor=cursor) for cursor, node in rows],
        nodes=[node for _, node in rows],
        page_info=info,
    )


def checked_ids(ids: list[strawberry.ID]) -> list[str]:
    """Normalized ids, each once. Raises `Invalid` for too many."""
    if len(ids) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} ids can be requested at once.")
    return [numeric_id(id) for id in dict.fromkeys(ids)]
