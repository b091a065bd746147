"""What auth adds to the archive that a user may request."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.auth.repository import Repository
from services.chassis.data_export import create_export_router, single_page
from services.chassis.errors import NotFound

_EXPORTED = ("username", "email", "locale", "role", "created_at")


def create_router(repository: Repository) -> APIRouter:
    """Return the export route. It gives the user's login, without secrets."""

    async def login(user_id: str, _: str) -> dict[str, Any]:
        user = await repository.users.get(user_id)
        if user is None or user.deleted:
            raise NotFound("There is no such account.")
        record = {"id": user.user_id} | {name: getattr(user, name) for name in _EXPORTED}
        return single_page([record])

    return create_export_router({"login": login})
