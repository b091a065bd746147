"""What notifications stores about a user, for their data export."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.data_export import ExportReader, create_export_router, list_reader
from services.chassis.storage.window import Row
from services.notifications.domain.notifications import ID
from services.notifications.repository import Repository, notification_view


def create_router(repository: Repository) -> APIRouter:
    """Return the route for the notifications of a user."""
    return create_export_router({"notifications": _notifications(repository)})


def _notifications(repository: Repository) -> ExportReader:
    async def give(user: str, after: str) -> dict[str, Any]:
        cleared = await repository.cleared.get(user)
        upto = cleared.upto if cleared else ""

        async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
            shown = await repository.not_deleted([row for row in rows if row[ID] > upto])
            return [notification_view(row, user) if row in shown else None for row in rows]

        return await list_reader(repository.lists, describe)(user, after)

    return give
