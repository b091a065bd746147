"""What auth keeps of somebody, for the archive that they may ask for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.auth.repository import Repository
from services.chassis.data_export import create_export_router, single_page
from services.chassis.errors import NotFound


def create_router(repository: Repository) -> APIRouter:
    """Their login, without what is secret."""

    async def login(user_id: str, _: str) -> dict[str, Any]:
        user = await repository.users.get(user_id)
        if user is None or user.deleted:
            raise NotFound("There is no such account.")
        return single_page(
            [
                {
                    "id": user.user_id,
                    "username": user.username,
                    "email": user.email,
                    "locale": user.locale,
                    "role": user.role,
                    "created_at": user.created_at,
                }
            ]
        )

    return create_export_router({"login": login})
