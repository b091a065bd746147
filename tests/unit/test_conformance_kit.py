"""The conformance kit tests how each service tells, or names why it has nothing to tell."""

from __future__ import annotations

import pytest

from services.chassis.security.access_rules import read_access
from tests.conformance.commands import COMMANDS
from tests.conformance.stories import STORIES
from tests.conformance.surroundings import LISTENER
from tests.conformance.test_tells import documents_told_by, why_nothing_is_told

TELL = ("auth", "catalog", "comments", "notifications", "orders", "payments", "posts", "users")
TELL_NOTHING = {
    "feed": "feed publishes invalidations of caches alone, which may be lost.",
    "gateway": "gateway publishes nothing (services/access.yaml).",
    "media": "media publishes nothing (services/access.yaml).",
}


def is_made_to_tell(app: str) -> bool:
    """Whether a command or a story of the kit lets a service publish an event."""
    return bool(COMMANDS.get(app)) or any(make().causes for make in STORIES.get(app, ()))


@pytest.mark.parametrize("app", TELL)
def test_a_service_is_made_to_tell_and_is_heard(app: str) -> None:
    access = read_access(additions=[LISTENER])[app]
    assert is_made_to_tell(app)
    for kind in documents_told_by(app):
        assert access.subscribers[kind.topic], f"nobody hears {kind.name}"


@pytest.mark.parametrize("app", TELL_NOTHING)
def test_a_service_that_is_not_made_to_tell_has_nothing_to_tell(app: str) -> None:
    assert not is_made_to_tell(app)
    assert why_nothing_is_told(app, read_access()[app].publishes) == TELL_NOTHING[app]


def test_a_guest_that_publishes_an_event_of_its_own_is_told_what_the_kit_needs() -> None:
    assert not is_made_to_tell("postcards")
    why = why_nothing_is_told("postcards", ["postcards"])
    assert why.startswith("The event of postcards is not in services/contracts/events.py: add it")
