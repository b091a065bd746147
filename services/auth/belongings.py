"""What auth keeps of somebody, for the archive that they may ask for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.auth.store import Store
from services.chassis.data_export import create_export_router, single_page
from services.chassis.errors import NotFound


def create_router(store: Store) -> APIRouter:
    """Their login, without what is secret."""

    async def login(user: str, _: str) -> dict[str, Any]:
        person = await store.people.get(user)
        if person is None or person.deleted:
            raise NotFound("There is no such account.")
        return single_page(
            [
                {
                    "id": person.user_id,
                    "username": person.username,
                    "email": person.email,
                    "locale": person.locale,
                    "role": person.role,
                    "created_at": person.created_at,
                }
            ]
        )

    return create_export_router({"login": login})
