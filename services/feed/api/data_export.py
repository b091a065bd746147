"""What the feed keeps of somebody that is not kept elsewhere, for the archive they may ask for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.data_export import ExportReader, create_export_router, list_reader
from services.chassis.storage.window import Row
from services.feed.repository import Repository


def create_router(repository: Repository) -> APIRouter:
    """With whom they write, and how far they have read."""
    return create_export_router({"conversations": _conversations(repository)})


def _conversations(repository: Repository) -> ExportReader:
    async def give(user: str, after: str) -> dict[str, Any]:
        async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
            known = await repository.conversations.get_many([f"{user}:{row[1]}" for row in rows])
            return [
                {
                    "id": row[1],
                    "with": one.others(user),
                    "account": one.posts[one.last_post],
                    "post": one.last_post,
                    "unread": one.is_unread(user, one.last_post),
                }
                if (one := known.get(f"{user}:{row[1]}")) and one.last_post == row[0]
                else None
                for row in rows
            ]

        return await list_reader(repository.conversation_lists, describe)(user, after)

    return give
