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

    stories: tuple[str, ...] = ()


def create_service(settings: Settings) -> Service:
    """Return the service on its sidecar."""
    service = Service(settings)
    statistics = service.collection("statistics", Statistics)

    async def on_story_changed(event: Event[StoryRecord]) -> None:
        def decide(kept: Statistics | None) -> Statistics:
            others = {*(kept.stories if kept else ())} - {event.subject}
            now = others if event.data.deleted else others | {event.subject}
            return Statistics(tuple(sorted(now)))

        await statistics.update(event.data.author, decide)

    service.on(STORY_CHANGED, on_story_changed)
    return service


def count(statistics: Statistics) -> int:
    """Return how many stories there are."""
    return len(statistics.stories)
