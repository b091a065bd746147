"""The generated descriptions of routes and events match the code."""

from __future__ import annotations

from services.contracts.events import EVENTS
from tools.contracts.__main__ import asyncapi, stale


def test_the_written_contracts_are_up_to_date() -> None:
    assert stale() == [], "run `.venv/bin/python -m tools.contracts`"


def test_every_event_is_described_with_an_example() -> None:
    schemas = asyncapi()["components"]["schemas"]
    described = {
        schema["properties"]["type"]["const"]: schema["properties"]["data"]["$ref"]
        for name, schema in schemas.items()
        if name.endswith("Event") and name != "CloudEvent"
    }
    assert described.keys() == {event.name for event in EVENTS}
    for event in EVENTS:
        name = described[event.name].rpartition("/")[2]
        assert name == event.model.__name__
        event.model.model_validate(schemas[name]["examples"][0])


def test_every_topic_has_a_named_message_with_its_events() -> None:
    document = asyncapi()
    for topic, channel in document["channels"].items():
        (message,) = channel["messages"].values()
        schema = document["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
        items = schema["properties"]["data"]["properties"]["events"]["items"]
        refs = items.get("oneOf", [items])
        assert all(list(each) == ["$ref"] for each in refs)
        assert len(refs) == len([event for event in EVENTS if event.topic == topic])
