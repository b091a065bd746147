"""One trace from a request to what the last consumer did with its event, on fakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson
import pytest
from fastapi import APIRouter
from opentelemetry.trace import StatusCode

from services.chassis import telemetry
from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.fakes import FakeCluster, open_access
from tests.fakes.spans import RecordedSpans, recorded_spans, trace_id
from tests.unit.chassis.test_tracing import SAMPLED, TRACE, UNSAMPLED


@dataclass(frozen=True)
class Note:
    text: str = ""
    edits: int = 0


NOTE_CHANGED = EventType("note.changed", "notes", "writer", Note)


def writer(settings: Settings) -> object:
    service = Service(settings)
    notes = service.collection("note", Note, publishes=NOTE_CHANGED)
    router = APIRouter()

    @router.post("/notes/{id}")
    async def edit(id: str) -> Note | None:
        return await notes.update(
            id, lambda note: replace(note, edits=note.edits + 1) if note else Note(id, 1)
        )

    @router.get("/notes/{id}")
    async def read(id: str) -> Note | None:
        return await notes.get(id)

    return service.create_app(router, access=open_access(service, router))


def reader(settings: Settings) -> Service:
    service = Service(settings)
    copies = service.collection("copy", Note)

    async def keep(event: Event[Note]) -> None:
        if event.data.text == "bad":
            raise ValueError("the text of a person")
        await copies.update(event.subject, lambda _: event.data)
        await service.sidecar.invoke("writer", f"/notes/{event.subject}")

    service.on(NOTE_CHANGED, keep)
    return service


@pytest.fixture
def spans() -> Iterator[RecordedSpans]:
    with recorded_spans() as recorded:
        yield recorded


async def test_one_trace_goes_from_a_request_to_the_consumer_of_its_event(
    spans: RecordedSpans,
) -> None:
    async with FakeCluster() as cluster:
        notes = await cluster.start(writer, "writer")
        await cluster.start(reader, "consumer")
        await notes.call("POST", "/notes/1", headers={"traceparent": SAMPLED})
        await cluster.settle()
    posted = spans.one("POST /notes/{id}")
    assert {trace_id(span) for span in spans.all() if span.name != "work"} == {TRACE}
    for name in ("publish notes", "process notes"):
        assert spans.parent(spans.one(name)) == posted.name
    assert spans.parent(spans.one("GET writer")) == "process notes"
    assert spans.parent(spans.one("GET /notes/{id}")) == "GET writer"
    assert dict(spans.one("process notes").attributes or {}) == {
        "messaging.system": "dapr",
        "messaging.operation.type": "process",
        "messaging.destination.name": "notes",
        "microgram.event.type": "note.changed",
        "microgram.event.sequence": 1,
    }


async def test_a_request_that_is_not_sampled_has_no_span_anywhere(spans: RecordedSpans) -> None:
    async with FakeCluster() as cluster:
        notes = await cluster.start(writer, "writer")
        await cluster.start(reader, "consumer")
        await notes.call("POST", "/notes/1", headers={"traceparent": UNSAMPLED})
        await cluster.settle()
        stored = cluster.state("writer").peek("note:1")
    assert spans.all() == []
    assert stored["change"]["traceparent"] == UNSAMPLED


async def test_an_event_that_contains_others_is_linked_to_their_causes(
    spans: RecordedSpans,
) -> None:
    other = SAMPLED.replace("0af", "1af")
    async with FakeCluster() as cluster:
        cluster.broker.hold()
        notes = await cluster.start(writer, "writer")
        copies = await cluster.start(reader, "consumer")
        await notes.call("POST", "/notes/1", headers={"traceparent": other})
        first = cluster.state("writer").peek("note:1")
        await notes.call("POST", "/notes/1", headers={"traceparent": SAMPLED})
        outbox = notes.service.outboxes["notes"]
        second = cluster.state("writer").peek("note:1")
        events = [outbox._event("note:1", each) for each in (first, second)]
        await copies.deliver("notes", *(event for event in events if event))
        handled = spans.one("process notes")
        assert trace_id(handled) == TRACE
        assert [f"{link.context.trace_id:032x}" for link in handled.links] == [other[3:35]]


async def test_a_handler_that_fails_is_an_error_without_its_text(spans: RecordedSpans) -> None:
    async with FakeCluster() as cluster:
        notes = await cluster.start(writer, "writer")
        await cluster.start(reader, "consumer")
        cluster.broker.hold()
        await notes.call("POST", "/notes/bad", headers={"traceparent": SAMPLED})
        cluster.broker.release(seed=1)
        await cluster.settle()
    failed = [s for s in spans.named("process notes") if s.status.status_code == StatusCode.ERROR]
    assert failed
    assert all((span.attributes or {})["error.type"] == "ValueError" for span in failed)
    assert "person" not in "".join(span.to_json() for span in spans.all())


async def test_each_request_of_a_batch_has_a_span_below_the_batch(spans: RecordedSpans) -> None:
    async with FakeCluster() as cluster:
        notes = await cluster.start(writer, "writer")
        batch = {"questions": [{"path": "/notes/1"}, {"path": "/notes/2"}]}
        answer = await notes.call(
            "POST",
            "/bundles",
            headers={"traceparent": SAMPLED, "content-type": "application/json"},
            data=orjson.dumps(batch),
        )
        assert answer.status == 200
    items = spans.named("GET /notes/{id}")
    assert len(items) == 2
    assert {spans.parent(item) for item in items} == {"POST /bundles"}


async def test_the_trace_of_a_request_is_no_part_of_what_its_event_started(
    spans: RecordedSpans,
) -> None:
    """The relay's task begins in a request, and publishes for all others."""
    async with FakeCluster() as cluster:
        notes = await cluster.start(writer, "writer")
        telemetry.resume(None)
        for number, flags in enumerate(("01", "00", "00")):
            given = f"{SAMPLED[:-2]}{flags}"
            await notes.call("POST", f"/notes/{number}", headers={"traceparent": given})
            await cluster.settle()
    assert len(spans.named("publish notes")) == 1
