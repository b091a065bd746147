from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from services.chassis.consuming.events import (
    CloudEvent,
    Event,
    Handlers,
    PoisonMessage,
    require_id,
)
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType


class Count(BaseModel):
    total: int


COUNTED = EventType("things.counted", "things", "maker", Count)
NAMED = EventType("things.named", "things", "maker", dict)


def cloud_event(type: str = "things.counted", **data: Any) -> CloudEvent:
    return CloudEvent(
        id="1", type=type, source="maker", subject="7", stream="s", sequence=1, entityversion=3,
        data=data,
    )  # fmt: skip


async def test_a_handler_gets_the_validated_model_and_what_the_model_does_not_know() -> None:
    handlers, got = Handlers(), list[Event[Count]]()

    async def on_counted(event: Event[Count]) -> None:
        got.append(event)

    handlers.add(COUNTED, on_counted)
    await handlers.handle(cloud_event(total=2, newer=True))
    (event,) = got
    assert (event.data.total, event.version, event.subject) == (2, 3, "7")
    assert event.payload == {"total": 2, "newer": True}


async def test_several_handlers_of_one_type_all_run_in_their_order() -> None:
    handlers, ran = Handlers(), list[str]()

    async def first(_: Event[Count]) -> None:
        ran.append("first")

    async def second(_: Event[Count]) -> None:
        ran.append("second")

    handlers.add(COUNTED, first)
    handlers.add(COUNTED, second)
    await handlers.handle(cloud_event(total=2))
    assert ran == ["first", "second"]


async def test_a_failing_handler_has_the_event_delivered_again() -> None:
    handlers = Handlers()

    async def fail(_: Event[Count]) -> None:
        raise Unavailable("not now")

    handlers.add(COUNTED, fail)
    with pytest.raises(Unavailable):
        await handlers.handle(cloud_event(total=2))


async def test_types_of_one_topic_are_distinguished_and_unknown_ones_are_ignored() -> None:
    handlers, got = Handlers(), list[str]()

    async def on_named(event: Event[dict[str, Any]]) -> None:
        got.append(event.data["name"])

    handlers.add(NAMED, on_named)
    await handlers.handle(cloud_event(total=2))
    await handlers.handle(cloud_event("things.named", name="a"))
    await handlers.handle(cloud_event("things.later", name="b"))
    assert got == ["a"]


async def test_data_that_is_not_valid_is_poison_and_the_field_is_named() -> None:
    handlers = Handlers()

    async def never(_: Event[Count]) -> None:
        raise AssertionError("called with invalid data")

    handlers.add(COUNTED, never)
    with pytest.raises(PoisonMessage, match="total"):
        await handlers.handle(cloud_event(total="many"))


def test_an_id_in_an_event_gets_the_width_of_keys_or_is_poison() -> None:
    assert require_id("7") == "0" * 17 + "7"
    for bad in ("", "x", "7:8", "1" * 21, None):
        with pytest.raises(PoisonMessage):
            require_id(bad)


def test_a_topic_has_one_producer_and_only_the_producer_publishes() -> None:
    service = Service(Settings(app_id="things", app_port=1))

    async def handle(_: Event[Count]) -> None: ...

    service.on(COUNTED, handle)
    with pytest.raises(ValueError, match="produced by maker already"):
        service.on(EventType("things.lost", "things", "other", Count), handle)
    with pytest.raises(ValueError, match="published by maker only"):
        service.collection("thing", Count, publishes=COUNTED)
