"""Takes stories, and lists them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.chassis.service import Service
from services.chassis.settings import Settings

LIMITS = "texts of 1 to 500 characters, at most 10 tags of 1 to 50, pages of 1 to 40, ids of 20"
"""What an honest client sends."""

Tag = Annotated[str, Field(min_length=1, max_length=50)]
StoryId = Annotated[str, Path(max_length=20)]
PageLimit = Annotated[int, Query(ge=1, le=40)]


class NewStory(BaseModel):
    """A story as a client sends it."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=500)
    tags: list[Tag] = Field(default=[], max_length=10)


def create(settings: Settings) -> tuple[Service, APIRouter]:
    """Return the service and its routes."""
    service = Service(settings)
    stories = service.collection("story", dict)
    router = APIRouter()

    @router.put("/stories/{id}")
    async def tell(id: StoryId, new: NewStory) -> None:
        await stories.update(id, lambda _: new.model_dump())

    @router.get("/stories")
    async def newest(limit: PageLimit = 20) -> dict[str, int]:
        return {"limit": limit}

    return service, router
