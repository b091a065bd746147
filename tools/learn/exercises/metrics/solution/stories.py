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
    told = service.metrics.counter(
        "microgram_stories_told_total", "Stories by outcome: ok or refused.", ("outcome",)
    )
    router = APIRouter()

    @router.put("/stories/{id}")
    async def tell(id: str, author: str, text: str) -> None:
        if not text.strip():
            told["refused"].inc()
            raise Invalid("A story needs a text.")
        await stories.update(id, lambda _: StoryRecord(id, author, text))
        told["ok"].inc()

    return service, router
