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
    version: int


def create_service(settings: Settings) -> Service:
    """Return the service on its sidecar."""
    service = Service(settings)
    copies = service.collection("copy", StoryCopy)

    async def on_story_changed(event: Event[StoryRecord]) -> None:
        newer = StoryCopy(event.data.text, event.data.deleted, event.version)
        await copies.update(
            event.subject,
            lambda kept: newer if kept is None or kept.version < newer.version else None,
        )

    service.on(STORY_CHANGED, on_story_changed)
    return service
