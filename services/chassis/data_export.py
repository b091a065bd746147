"""How a service gives what it keeps of somebody to the one that makes an archive of it for them.

    router = belongings({"favourites": favourites})     # async def favourites(user, after)

A kind of belongings is read page by page, newest first, each page as cheap as any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.guards import require_service
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window
from services.contracts.data_export import ExportPage

EXPORT_SERVICE = "media"
"""The service that makes archives: the only one that may ask."""

PAGE_SIZE = 40
"""How many records there are in a portion, at most."""

MAX_PAGE_BYTES = 4 << 20
"""Bytes of records after which a portion ends: histories of posts may be long."""

ExportReader = Callable[[str, str], Awaitable[dict[str, Any]]]
RowMapper = Callable[[list[Row]], Awaitable[list[dict[str, Any] | None]]]
"""A record for each row, or `None` where there is nothing to say."""

ListNames = Callable[[str], Awaitable[Sequence[str]]]
"""Which lists are somebody's."""


def create_export_router(kinds: Mapping[str, ExportReader]) -> APIRouter:
    """The route by which the archivist asks, for each kind of which there is something."""
    router = APIRouter(tags=["belongings"], dependencies=[Depends(require_service(EXPORT_SERVICE))])

    @router.get("/belongings/{user}/{kind}", response_model=ExportPage)
    async def some(
        user: Annotated[str, Path(pattern=r"^[0-9]{1,20}$", examples=["115581273340018689"])],
        kind: Annotated[str, Path(max_length=40, examples=["profile"])],
        after: Annotated[str, Query(pattern=r"^[0-9]{0,20}$")] = "",
    ) -> OrjsonResponse:
        """A portion of what somebody has."""
        if kind not in kinds:
            raise NotFound(f"There is nothing of the kind «{kind}» here.")
        return OrjsonResponse(await kinds[kind](user, after))

    return router


def single_page(records: list[dict[str, Any]]) -> dict[str, Any]:
    """All there is, where that is little."""
    return {"records": records, "next": "", "total": len(records)}


def list_reader(lists: SegmentedLists, describe: RowMapper) -> ExportReader:
    """What is in a list. Two state calls, and those of `describe`."""

    async def give(user: str, after: str) -> dict[str, Any]:
        head = await lists.head(user)
        rows = await lists.read(head, Window(PAGE_SIZE, max_id=after))
        return _some(rows, await describe(rows) if rows else [], head.total)

    return give


def merged_reader(lists: SegmentedLists, names: ListNames, describe: RowMapper) -> ExportReader:
    """What is in a few lists, as one; to each row the name of its list is added.

    One state call, another for each list that is long, and those of `names` and `describe`.
    """

    async def give(user: str, after: str) -> dict[str, Any]:
        heads = await lists.heads.get_many(await names(user))
        window = Window(PAGE_SIZE, max_id=after)
        found = [
            [*row, name] for name, head in heads.items() for row in await lists.read(head, window)
        ]
        rows = window.select(found)
        total = sum(head.total for head in heads.values())
        return _some(rows, await describe(rows) if rows else [], total)

    return give


def _some(rows: list[Row], described: list[dict[str, Any] | None], total: int) -> dict[str, Any]:
    """As many records of a page as come into a portion."""
    count = _fitting(described)
    is_all = count == len(rows) < PAGE_SIZE
    return {
        "records": [record for record in described[:count] if record is not None],
        "next": "" if is_all else rows[count - 1][0],
        "total": total,
    }


def _fitting(described: list[dict[str, Any] | None]) -> int:
    """How many of some records come into a portion: at least one."""
    size = 0
    for count, record in enumerate(described, 1):
        size += len(orjson.dumps(record))
        if size >= MAX_PAGE_BYTES:
            return count
    return len(described)
