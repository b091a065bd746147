"""Keeps a copy of each story, to show it without asking the service that owns it."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import STORY_CHANGED, StoryRecord


@dataclass(frozen=True)
class StoryCopy:
    """A copy of a story. A stored document, `copy:STORY`."""

    text: str
    deleted: bool


def create_service(settings: Settings) -> Service:
    """Return the service on its sidecar."""
    service = Service(settings)
    copies = service.collection("copy", StoryCopy)

    async def on_story_changed(event: Event[StoryRecord]) -> None:
        story = event.data
        await copies.update(event.subject, lambda _: StoryCopy(story.text, story.deleted))

    service.on(STORY_CHANGED, on_story_changed)
    return service
