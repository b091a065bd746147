"""Pages as Relay's connections, over the windows that the services know.

Lists are newest first. `first` and `after` go on to older rows, `last` and `before` back to newer
ones; a cursor is opaque. Rows that the caller may not see are left out, so that a page may be
shorter than was asked. Services are asked for one row more than is shown: where there is one, there
is another page, and where their list has ended, there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Generic, TypeVar

import strawberry

from services.chassis.errors import Invalid
from services.chassis.storage.window import Window, normalize_id
from services.gateway.application.identifiers import numeric_id
from services.gateway.graphql.cost import DEFAULT_PAGE_SIZE

Node = TypeVar("Node")

MAX_POSTS = 40
"""Rows of the largest page of posts, as in the client API."""

MAX_ACCOUNTS = 80
"""Of people, or of notifications."""

MAX_IDS = 80

First = Annotated[int | None, strawberry.argument(description="How many, from the newest on.")]

After = Annotated[str | None, strawberry.argument(description="The cursor to go on from.")]

Last = Annotated[int | None, strawberry.argument(description="How many, next before `before`.")]

Before = Annotated[str | None, strawberry.argument(description="The cursor to go back from.")]

Ids = Annotated[list[strawberry.ID], strawberry.argument(description="At most 80.")]


@strawberry.type(description="Where a page lies.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether there is more behind it; all of that may be hidden from the caller."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether there is more before it, newer rows; with `after` always."
    )
    start_cursor: str | None
    end_cursor: str | None = strawberry.field(
        description="How far the page reached, which may be beyond the last row shown."
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
    """The window that a page asks for. Raises `Invalid`."""
    if last is not None or before is not None:
        if first is not None or after is not None:
            raise Invalid("A page is asked for by first and after, or by last and before.")
        if before is None:
            raise Invalid("last needs before.")
        return Window(_size(last, "last", most), min_id=normalize_id(before))
    return Window(_size(first, "first", most), max_id=normalize_id(after) if after else "")


def offset(first: int | None, after: str | None, most: int) -> tuple[int, int]:
    """How many rows, after how many, for lists that are counted. Raises `Invalid`."""
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 4):
        raise Invalid("This is not a cursor of this list.")
    return _size(first, "first", most), int(after or 0)


def _size(asked: int | None, name: str, most: int) -> int:
    size = DEFAULT_PAGE_SIZE if asked is None else asked
    if not 1 <= size <= most:
        raise Invalid(f"{name} must be between 1 and {most}.")
    return size


def probe(wanted: Window) -> Window:
    """A window with one row more, by which `page` can tell whether there is another page."""
    return replace(wanted, limit=wanted.limit + 1)


def page(
    rows: Sequence[tuple[str, Node]], wanted: Window, more: str, *, first: str = "", last: str = ""
) -> Connection[Node]:
    """Rows with their cursors, newest first: those that are wanted of what was asked for `probing`.

    `more` is where the service says that its list goes on; `first` and `last` are what it reached.
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
    """Rows with their cursors."""
    return Connection(
        edges=[Edge(node=node, cursor=cursor) for cursor, node in rows],
        nodes=[node for _, node in rows],
        page_info=info,
    )


def checked_ids(ids: list[strawberry.ID]) -> list[str]:
    """Normalized ids, each once. Raises `Invalid` for too many."""
    if len(ids) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} ids can be asked for at once.")
    return [numeric_id(id) for id in dict.fromkeys(ids)]
