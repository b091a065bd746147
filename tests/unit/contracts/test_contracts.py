"""The generated descriptions of routes and events match the code."""

from __future__ import annotations

from services.contracts.events import EVENTS
from tools.contracts.__main__ import asyncapi, stale


def test_the_written_contracts_are_up_to_date() -> None:
    assert stale() == [], "run `.venv/bin/python -m tools.contracts`"


def test_every_event_is_described() -> None:
    document = asyncapi()
    for event in EVENTS:
        assert event.name in document["channels"][event.topic]["messages"]
        assert event.model.__name__ in document["components"]["schemas"]
