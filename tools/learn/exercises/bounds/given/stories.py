"""Takes stories, and lists them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from services.chassis.service import Service
from services.chassis.settings import Settings

LIMITS = "texts of 1 to 500 characters, at most 10 tags of 1 to 50, pages of 1 to 40, ids of 20"
"""What an honest client sends."""


class NewStory(BaseModel):
    """A story as a client sends it."""

    text: str
    tags: list[str] = []


def create(settings: Settings) -> tuple[Service, APIRouter]:
    """Return the service and its routes."""
    service = Service(settings)
    stories = service.collection("story", dict)
    router = APIRouter()

    @router.put("/stories/{id}")
    async def tell(id: str, new: NewStory) -> None:
        await stories.update(id, lambda _: new.model_dump())

    @router.get("/stories")
    async def newest(limit: int = 20) -> dict[str, int]:
        return {"limit": limit}

    return service, router
