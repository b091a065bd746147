"""Data export: a service hands a user's data to the service that makes the user's archive.

    router = create_export_router({"favourites": read})     # async def read(user, after)

Each kind of data is read page by page, newest first, and every page costs the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window
from services.contracts.accounts import ID_PATTERN
from services.contracts.data_export import ExportPage

PAGE_SIZE = 40
"""The most records in a page."""

MAX_PAGE_BYTES = 4 << 20
"""Bytes of records after which a page ends: histories of posts may be long."""

ExportReader = Callable[[str, str], Awaitable[dict[str, Any]]]
RowMapper = Callable[[list[Row]], Awaitable[list[dict[str, Any] | None]]]
"""A record for each row, or `None` for a row to leave out."""

ListNames = Callable[[str], Awaitable[Sequence[str]]]
"""The ids of a user's lists."""


def create_export_router(kinds: Mapping[str, ExportReader]) -> APIRouter:
    """The route that exports a user's data, with a reader for each kind."""
    router = APIRouter(tags=["belongings"])

    @router.get("/belongings/{user}/{kind}", response_model=ExportPage)
    async def export(
        user: Annotated[str, Path(pattern=ID_PATTERN, examples=["115581273340018689"])],
        kind: Annotated[str, Path(max_length=40, examples=["profile"])],
        after: Annotated[str, Query(pattern=r"^[0-9]{0,20}$")] = "",
    ) -> OrjsonResponse:
        """A page of a user's data of one kind."""
        if kind not in kinds:
            raise NotFound(f'This service exports no data of the kind "{kind}".')
        return OrjsonResponse(await kinds[kind](user, after))

    return router


def single_page(records: list[dict[str, Any]]) -> dict[str, Any]:
    """All records in one page, for kinds with few records."""
    return {"records": records, "next": "", "total": len(records)}


def list_reader(lists: SegmentedLists, describe: RowMapper) -> ExportReader:
    """A reader of a list. Two state calls, and those of `describe`."""

    async def read(user: str, after: str) -> dict[str, Any]:
        head = await lists.head(user)
        rows = await lists.read(head, Window(PAGE_SIZE, max_id=after))
        return _page(rows, await describe(rows) if rows else [], head.total)

    return read


def merged_reader(lists: SegmentedLists, names: ListNames, describe: RowMapper) -> ExportReader:
    """A reader of a few lists, merged. The name of its list is appended to each row.

    One state call, one more for each long list, and those of `names` and `describe`.
    """

    async def read(user: str, after: str) -> dict[str, Any]:
        heads = await lists.heads.get_many(await names(user))
        window = Window(PAGE_SIZE, max_id=after)
        found = [
            [*row, name] for name, head in heads.items() for row in await lists.read(head, window)
        ]
        rows = window.select(found)
        total = sum(head.total for head in heads.values())
        return _page(rows, await describe(rows) if rows else [], total)

    return read


def _page(rows: list[Row], described: list[dict[str, Any] | None], total: int) -> dict[str, Any]:
    """A page of as many records as fit."""
    count = _page_length(described)
    is_all = count == len(rows) < PAGE_SIZE
    return {
        "records": [record for record in described[:count] if record is not None],
        "next": "" if is_all else rows[count - 1][0],
        "total": total,
    }


def _page_length(described: list[dict[str, Any] | None]) -> int:
    """How many records fit in a page: at least one."""
    size = 0
    for count, record in enumerate(described, 1):
        size += len(orjson.dumps(record))
        if size >= MAX_PAGE_BYTES:
            return count
    return len(described)
