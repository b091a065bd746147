"""Sorts stories by the day on which their photo was taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.chassis.consuming.events import Event, PoisonMessage
from services.chassis.service import Service
from services.chassis.settings import Settings
from tools.learn.lab import STORY_CHANGED, StoryRecord


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
        except ValueError as error:
            raise PoisonMessage(f'"{event.data.taken_on}" is not a date.') from error
        author = (await service.sidecar.invoke("people", f"/people/{event.data.author}")).json()
        await entries.update(event.subject, lambda _: Entry(day.toordinal(), author["name"]))

    service.on(STORY_CHANGED, on_story_changed)
    return service
