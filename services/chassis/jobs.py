"""Work that is too long for one handler: done in rounds, each told to the service itself.

    jobs = JobQueue(service)
    jobs.register("erasure", erase)       # async def erase(id) -> bool: a bounded part; all done?
    await jobs.enqueue("erasure", id)

An errand is a document, and every round a change of it, which is an event: so it goes on after any
crash, on whichever replica hears of it, and no broker waits long for an answer. A round may be
done twice, so what it does must bear that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.chassis.consuming.inbox import Event
from services.chassis.service import Service
from services.chassis.storage.collection import Collection

JobStep = Callable[[str], Awaitable[bool]]
"""Does a bounded part of the work on something, and says whether nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """How far the work on something has come."""

    round: int = 1
    done: bool = False

    def again(self) -> Job:
        """Asked for: begun anew, if it was done."""
        return Job(self.round + 1) if self.done else self

    def after(self, number: int, *, done: bool) -> Job:
        """With a round behind it, unless another replica was faster."""
        return replace(self, round=number + 1, done=done) if self.round == number else self


class JobQueue:
    """All errands of a service, on a topic of its own that only it hears."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._topic = f"{service.name}-errands"
        self._kinds: dict[str, tuple[Collection[Job], JobStep]] = {}
        service.on(self._topic, service.name, self._due)

    def register(self, kind: str, do_round: JobStep) -> None:
        """Say how one kind of errand is done."""
        outbox = self._service.outbox(self._topic).publishes(kind, f"{kind}.due")
        self._kinds[kind] = (self._service.collection(kind, Job, outbox=outbox), do_round)

    async def enqueue(self, kind: str, id: str) -> None:
        """Have it done, once more where it was done before. Two or three state calls."""
        errands, _ = self._kinds[kind]
        await errands.update(id, lambda kept: kept.again() if kept else Job())

    async def _due(self, event: Event) -> None:
        kind = event.type.removesuffix(".due")
        if kind not in self._kinds:
            return
        errands, do_round = self._kinds[kind]
        errand = await errands.get(event.subject)
        if errand is None or errand.done or errand.round != event.data.get("round"):
            return
        done = await do_round(event.subject)
        await errands.update(
            event.subject, lambda kept: kept.after(errand.round, done=done) if kept else None
        )
