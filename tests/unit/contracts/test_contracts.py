"""The generated descriptions of routes and events match the code."""

from __future__ import annotations

from services.contracts.events import EVENTS
from tools.contracts.__main__ import asyncapi, stale


def test_the_written_contracts_are_up_to_date() -> None:
    assert stale() == [], "run `.venv/bin/python -m tools.contracts`"


def test_every_event_is_described() -> None:
    document = asyncapi()
    for event in EVENTS:
        (message,) = document["channels"][event.topic]["messages"].values()
        events = message["payload"]["properties"]["data"]["properties"]["events"]["items"]["oneOf"]
        assert event.name in [described["title"] for described in events]
        assert event.model.__name__ in document["components"]["schemas"]
