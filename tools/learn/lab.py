"""The neighbours that exercises have: small services on the project's own chassis and fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fastapi import APIRouter, FastAPI

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.fakes import FakeCluster, RunningReplica, open_access

STORIES = "stories"
"""The app-id of the service that owns stories, and the topic of their events."""

CONSUMER = "consumer"
"""An app-id that may ask for events which it misses."""


@dataclass(frozen=True)
class StoryRecord:
    """A photo with a text, which its author can edit and delete. A stored document."""

    id: str
    author: str
    text: str = ""
    taken_on: str = "2026-11-30"
    deleted: bool = False


STORY_CHANGED = EventType("story.changed", STORIES, STORIES, StoryRecord)

Create = Callable[[Settings], tuple[Service, APIRouter]]
"""How an exercise makes a service with routes."""


def assembled(create: Create) -> Callable[[Settings], FastAPI]:
    """Return a function for `FakeCluster.start` of a learner's `create`."""

    def create_app(settings: Settings) -> FastAPI:
        service, router = create(settings)
        return service.create_app(router, access=open_access(service, router))

    return create_app


def create_stories(settings: Settings) -> tuple[Service, APIRouter]:
    """The service that owns stories: it keeps and publishes what it is told."""
    service = Service(settings)
    stories = service.collection("story", StoryRecord, publishes=STORY_CHANGED)
    router = APIRouter()

    @router.post("/stories/{id}")
    async def tell(id: str, author: str, text: str = "", taken_on: str = "2026-11-30") -> None:
        await stories.update(id, lambda _: StoryRecord(id, author, text, taken_on))

    @router.delete("/stories/{id}")
    async def delete(id: str) -> None:
        await stories.update(id, lambda kept: replace(kept, deleted=True) if kept else None)

    return service, router


def create_consumer(settings: Settings) -> Service:
    """A service that keeps the newest version of every story, for checks to compare with."""
    service = Service(settings)
    copies = service.collection("copy", StoryRecord)

    async def keep(event: Event[StoryRecord]) -> None:
        await copies.update(event.subject, lambda _: event.data)

    service.on(STORY_CHANGED, keep)
    return service


async def start_stories(cluster: FakeCluster) -> RunningReplica:
    """Start the service that owns stories."""
    return await cluster.start(assembled(create_stories), STORIES)


async def tell(stories: RunningReplica, id: str, author: str, **fields: str) -> None:
    """Create or edit a story through the service that owns it."""
    answer = await stories.call("POST", f"/stories/{id}", params={"author": author, **fields})
    assert answer.status == 200, answer.text  # noqa: S101 (the lab itself is broken)
