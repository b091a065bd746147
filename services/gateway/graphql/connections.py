"""Pages as Relay's connections, over the windows that the services know.

Lists are newest first. `first` and `after` go on to older rows, `last` and `before` back to newer
ones; a cursor is opaque. Rows that the caller may not see are left out, so that a page may be
shorter than was asked: as long as a page reaches somewhere, there may be another one behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import strawberry

from services.chassis.errors import Invalid
from services.chassis.paging import Window, normal
from services.gateway.graphql.limits import PAGE

Node = TypeVar("Node")

POSTS = 40
"""Rows of the largest page of posts, as in the client API."""

PEOPLE = 80
"""Of people, or of notifications."""

First = Annotated[int | None, strawberry.argument(description="How many, from the newest on.")]
After = Annotated[str | None, strawberry.argument(description="The cursor to go on from.")]
Last = Annotated[int | None, strawberry.argument(description="How many, next before `before`.")]
Before = Annotated[str | None, strawberry.argument(description="The cursor to go back from.")]


@strawberry.type(description="Where a page lies.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether there may be more behind it. The page behind the last one is empty."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether there may be more before it: newer rows."
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
        return Window(_size(last, "last", most), min_id=normal(before))
    return Window(_size(first, "first", most), max_id=normal(after) if after else "")


def offset(first: int | None, after: str | None, most: int) -> tuple[int, int]:
    """How many rows, after how many, for lists that are counted. Raises `Invalid`."""
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 4):
        raise Invalid("This is not a cursor of this list.")
    return _size(first, "first", most), int(after or 0)


def _size(asked: int | None, name: str, most: int) -> int:
    size = PAGE if asked is None else asked
    if not 1 <= size <= most:
        raise Invalid(f"{name} must be between 1 and {most}.")
    return size


def page(
    rows: Sequence[tuple[str, Node]], window: Window, first: str, last: str
) -> Connection[Node]:
    """Rows with their cursors, newest first; the page reaches from `first` to `last`."""
    return connection(
        rows,
        PageInfo(
            has_next_page=window.upwards or bool(last),
            has_previous_page=bool(first) if window.upwards else bool(window.max_id),
            start_cursor=first or None,
            end_cursor=last or None,
        ),
    )


def connection(rows: Sequence[tuple[str, Node]], info: PageInfo) -> Connection[Node]:
    """Rows with their cursors."""
    return Connection(
        edges=[Edge(node=node, cursor=cursor) for cursor, node in rows],
        nodes=[node for _, node in rows],
        page_info=info,
    )
