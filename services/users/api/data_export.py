"""What the users service adds to the archive that a user may request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from services.chassis.data_export import (
    ExportReader,
    create_export_router,
    list_reader,
    single_page,
)
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Row
from services.users.domain.edges import RelationshipEdge, edge_id
from services.users.domain.profiles import account_not_found
from services.users.repository import Repository

_INCOMING = {"followers": "followers", "follow-requests": "requests"}
_OUTGOING = {
    "following": "following",
    "requested": "asked",
    "blocks": "blocks",
    "mutes": "mutes",
    "notes": "noted",
}


def create_router(repository: Repository) -> APIRouter:
    """Return the export route: the profile, each list, and the followed hashtags."""

    async def profile(user: str, _: str) -> dict[str, Any]:
        kept = await repository.users.get(user)
        if kept is None or kept.deleted:
            raise account_not_found()
        return single_page([asdict(kept)])

    async def tags(user: str, _: str) -> dict[str, Any]:
        kept = await repository.tags.get(user)
        rows = kept.rows() if kept else []
        return single_page([{"name": name, "since": _since(id)} for id, name in rows])

    def outgoing(kind: str) -> ExportReader:
        async def read(user: str, after: str) -> dict[str, Any]:
            async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
                ids = [edge_id(user, row[1]) for row in rows]
                edges = await repository.edges.get_many(ids)
                return [
                    _account_record(row) | _edge_options(kind, edges.get(id))
                    for row, id in zip(rows, ids, strict=True)
                ]

            return await list_reader(repository.lists(_OUTGOING[kind]), describe)(user, after)

        return read

    return create_export_router(
        {
            "profile": profile,
            "followed-tags": tags,
            **{
                kind: list_reader(repository.lists(name), _account_records)
                for kind, name in _INCOMING.items()
            },
            **{kind: outgoing(kind) for kind in _OUTGOING},
        }
    )


async def _account_records(rows: list[Row]) -> list[dict[str, Any] | None]:
    return [_account_record(row) for row in rows]


def _account_record(row: Row) -> dict[str, Any]:
    return {"account": row[1], "since": _since(row[0])}


def _since(id: str) -> str:
    return timestamp(id_time(id))


def _edge_options(kind: str, edge: RelationshipEdge | None) -> dict[str, Any]:
    """Return the options of an edge that belong to a list."""
    if edge is None:
        return {}
    if kind == "following":
        return {"reblogs": edge.show_reblogs, "notify": edge.notify}
    if kind == "mutes":
        return {"notifications": edge.muting_notifications, "until": edge.muted_until}
    return {"note": edge.note} if kind == "notes" else {}
