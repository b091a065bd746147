"""Counts the stories of each author, from the events of the service that owns them."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import STORY_CHANGED, StoryRecord


@dataclass(frozen=True)
class Statistics:
    """What an author has told. A stored document, `statistics:AUTHOR`."""

    stories: int = 0


def create_service(settings: Settings) -> Service:
    """Return the service on its sidecar."""
    service = Service(settings)
    statistics = service.collection("statistics", Statistics)

    async def on_story_changed(event: Event[StoryRecord]) -> None:
        await statistics.update(
            event.data.author, lambda kept: Statistics((kept.stories if kept else 0) + 1)
        )

    service.on(STORY_CHANGED, on_story_changed)
    return service


def count(statistics: Statistics) -> int:
    """Return how many stories there are."""
    return statistics.stories
