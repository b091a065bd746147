"""Owns stories, and tells other services of each change."""

from __future__ import annotations

from fastapi import APIRouter

from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import STORY_CHANGED, StoryRecord


def create(settings: Settings) -> tuple[Service, APIRouter]:
    """Return the service and its routes."""
    service = Service(settings)
    stories = service.collection("story", StoryRecord, publishes=STORY_CHANGED)
    router = APIRouter()

    @router.post("/stories/{id}")
    async def tell(id: str, author: str, text: str) -> None:
        await stories.update(id, lambda _: StoryRecord(id, author, text))

    return service, router
