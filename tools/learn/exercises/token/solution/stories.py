"""Owns stories. Their authors can delete them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends

from services.chassis.errors import Forbidden, NotFound
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import StoryRecord

Author = Annotated[Caller, Depends(require_user("write:stories"))]


def create(settings: Settings) -> tuple[Service, APIRouter]:
    """Return the service and its routes."""
    service = Service(settings)
    stories = service.collection("story", StoryRecord)
    router = APIRouter()

    @router.put("/stories/{id}")
    async def tell(id: str, author: str) -> None:
        await stories.update(id, lambda kept: kept or StoryRecord(id, author))

    @router.delete("/stories/{id}")
    async def delete(id: str, caller: Author) -> None:
        def decide(kept: StoryRecord | None) -> StoryRecord:
            if kept is None:
                raise NotFound("There is no such story.")
            if caller.user_id != kept.author:
                raise Forbidden("This is not your story.")
            return replace(kept, deleted=True)

        await stories.update(id, decide)

    return service, router
