"""Owns stories, and counts how many are told."""

from __future__ import annotations

from fastapi import APIRouter

from services.chassis.errors import Invalid
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import StoryRecord


def create(settings: Settings) -> tuple[Service, APIRouter]:
    """Return the service and its routes."""
    service = Service(settings)
    stories = service.collection("story", StoryRecord)
    told = service.metrics.counter("stories", "Stories by author.", ("author",))
    router = APIRouter()

    @router.put("/stories/{id}")
    async def tell(id: str, author: str, text: str) -> None:
        told[author].inc()
        if not text.strip():
            raise Invalid("A story needs a text.")
        await stories.update(id, lambda _: StoryRecord(id, author, text))

    return service, router
