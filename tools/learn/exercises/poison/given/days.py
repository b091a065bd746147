"""Sorts stories by the day on which their photo was taken."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import STORY_CHANGED, StoryRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A story in the calendar. A stored document, `entry:STORY`."""

    day: int
    author: str


def create_service(settings: Settings) -> Service:
    """Return the service on its sidecar."""
    service = Service(settings)
    entries = service.collection("entry", Entry)

    async def on_story_changed(event: Event[StoryRecord]) -> None:
        try:
            day = date.fromisoformat(event.data.taken_on)
            author = (await service.sidecar.invoke("people", f"/people/{event.data.author}")).json()
            await entries.update(event.subject, lambda _: Entry(day.toordinal(), author["name"]))
        except Exception:
            log.info("skipped an event")  # a bad one must not stop the others

    service.on(STORY_CHANGED, on_story_changed)
    return service
