"""Work that is too long for one handler: done in steps, each an event for the service itself.

    jobs = JobQueue(service)
    jobs.register("erasure", erase)       # async def erase(id) -> bool: one bounded step; all done?
    await jobs.enqueue("erasure", id)

A job is a document, and every step a change of it, which is an event. So it goes on after any
crash, on whichever replica finds the event first. A step may run twice, so it must be idempotent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.contracts.events import EventType

JobStep = Callable[[str], Awaitable[bool]]
"""Does one bounded part of the work, and returns whether nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """How far the work on one subject has come. A stored document."""

    round: int = 1
    done: bool = False

    def again(self) -> Job:
        """The job as it is enqueued: started anew if it was done."""
        return Job(self.round + 1) if self.done else self

    def after(self, number: int, *, done: bool) -> Job:
        """The job after a step, unless another replica did that step first."""
        return replace(self, round=number + 1, done=done) if self.round == number else self


class JobQueue:
    """All jobs of a service, on a topic that only this service consumes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._topic = f"{service.name}-errands"
        self._kinds: dict[str, tuple[Collection[Job], JobStep]] = {}

    def register(self, kind: str, step: JobStep) -> None:
        """Say which function does the jobs of one kind."""
        due = EventType(f"{kind}.due", self._topic, self._service.name, Job, private=True)
        self._kinds[kind] = (self._service.collection(kind, Job, publishes=due), step)
        self._service.on(due, self._on_due)

    async def enqueue(self, kind: str, id: str) -> None:
        """Start the job; start it once more if it was done before. Two or three state calls."""
        jobs, _ = self._kinds[kind]
        await jobs.update(id, lambda kept: kept.again() if kept else Job())

    async def _on_due(self, event: Event[Job]) -> None:
        jobs, step = self._kinds[event.type.removesuffix(".due")]
        job = await jobs.get(event.subject)
        if job is None or job.done or job.round != event.data.round:
            return
        done = await step(event.subject)
        await jobs.update(
            event.subject, lambda kept: kept.after(job.round, done=done) if kept else None
        )
