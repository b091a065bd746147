"""What only the feed stores about a user, for their data export."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.data_export import ExportReader, create_export_router, list_reader
from services.chassis.storage.window import Row
from services.feed.repository import Repository


def create_router(repository: Repository) -> APIRouter:
    """Return the route for the conversations of a user."""
    return create_export_router({"conversations": _conversations(repository)})


def _conversations(repository: Repository) -> ExportReader:
    async def read(user: str, after: str) -> dict[str, Any]:
        async def describe(rows: list[Row]) -> list[dict[str, Any] | None]:
            known = await repository.conversations.get_many([f"{user}:{id}" for _, id in rows])
            return [
                {
                    "id": id,
                    "with": one.others(user),
                    "account": one.posts[one.last_post],
                    "post": one.last_post,
                    "unread": one.is_unread(user, one.last_post),
                }
                if (one := known.get(f"{user}:{id}")) and one.last_post == post
                else None
                for post, id in rows
            ]

        return await list_reader(repository.conversation_lists, describe)(user, after)

    return read
