"""What users keeps of somebody, for the archive that they may ask for."""

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
from services.chassis.errors import NotFound
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Row
from services.users.domain.edges import RelationshipEdge, edge_id
from services.users.repository import Repository

_INWARD = {"followers": "followers", "follow-requests": "requests"}
_OUTWARD = {
    "following": "following",
    "requested": "asked",
    "blocks": "blocks",
    "mutes": "mutes",
    "notes": "noted",
}


def create_router(repository: Repository) -> APIRouter:
    """One kind for the profile, one for each list, one for hashtags."""

    async def profile(user: str, _: str) -> dict[str, Any]:
        kept = await repository.users.get(user)
        if kept is None or kept.deleted:
            raise NotFound("There is no such account.")
        return single_page([asdict(kept)])

    async def tags(user: str, _: str) -> dict[str, Any]:
        kept = await repository.tags.get(user)
        rows = kept.rows() if kept else []
        return single_page([{"name": name, "since": _since(id)} for id, name in rows])

    def outward(kind: str) -> ExportReader:
        async def give(user: str, after: str) -> dict[str, Any]:
            async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
                edges = await repository.edges.get_many([edge_id(user, row[1]) for row in rows])
                return [
                    _person(row) | _said(kind, edges.get(edge_id(user, row[1]))) for row in rows
                ]

            return await list_reader(repository.lists(_OUTWARD[kind]), describe)(user, after)

        return give

    return create_export_router(
        {
            "profile": profile,
            "followed-tags": tags,
            **{
                kind: list_reader(repository.lists(name), _people) for kind, name in _INWARD.items()
            },
            **{kind: outward(kind) for kind in _OUTWARD},
        }
    )


async def _people(rows: list[Row]) -> list[dict[str, Any] | None]:
    return [_person(row) for row in rows]


def _person(row: Row) -> dict[str, Any]:
    return {"account": row[1], "since": _since(row[0])}


def _since(id: str) -> str:
    return timestamp(id_time(id))


def _said(kind: str, edge: RelationshipEdge | None) -> dict[str, Any]:
    """What an edge says besides that it is there."""
    if edge is None:
        return {}
    if kind == "following":
        return {"reblogs": edge.show_reblogs, "notify": edge.notify}
    if kind == "mutes":
        return {"notifications": edge.muting_notifications, "until": edge.muted_until}
    return {"note": edge.note} if kind == "notes" else {}
