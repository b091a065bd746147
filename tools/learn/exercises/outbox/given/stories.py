"""Owns stories, and tells other services of each change."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from services.chassis.dapr.pubsub import encode_event
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import STORY_CHANGED, StoryRecord


def create(settings: Settings) -> tuple[Service, APIRouter]:
    """Return the service and its routes."""
    service = Service(settings)
    stories = service.collection("story", StoryRecord)
    router = APIRouter()

    @router.post("/stories/{id}")
    async def tell(id: str, author: str, text: str) -> None:
        story = StoryRecord(id, author, text)
        await stories.update(id, lambda _: story)
        await service.sidecar.publish(STORY_CHANGED.topic, [encode_event(_event(story))])

    return service, router


def _event(story: StoryRecord) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"story:{story.id}:1",
        "type": STORY_CHANGED.name,
        "source": STORY_CHANGED.producer,
        "subject": story.id,
        "stream": "by-hand",
        "sequence": int(story.id),
        "entityversion": 1,
        "data": asdict(story),
    }
