"""Level 4 of docs/protocol.md: what belongs to a user."""

from __future__ import annotations

import pytest

from services.chassis.ids import SnowflakeGenerator
from services.media.exports.steps import STEPS
from tests.conformance.kit import ServiceUnderTest

ROUTE = "GET /belongings/{user}/{kind}"


@pytest.fixture
def owner(subject: ServiceUnderTest) -> ServiceUnderTest:
    """The service under test, if it exports what belongs to users."""
    if ROUTE not in subject.access.calls:
        pytest.skip("The service keeps nothing that belongs to users.")
    return subject


def test_an_unknown_kind_is_not_found(owner: ServiceUnderTest) -> None:
    user = SnowflakeGenerator().next()
    answer = owner.ask(f"GET /belongings/{user}/no-such-kind", caller="media")
    assert answer.status == 404
    answer.error()


def test_of_an_unknown_user_there_is_an_empty_page(owner: ServiceUnderTest) -> None:
    user = SnowflakeGenerator().next()
    kinds = [step.kind for step in STEPS if step.service == owner.app]
    for kind in kinds:
        answer = owner.ask(f"GET /belongings/{user}/{kind}", caller="media")
        assert answer.status == 200, (kind, answer)
        assert answer.json() == {"records": [], "next": "", "total": 0}, kind


def test_only_media_exports(owner: ServiceUnderTest) -> None:
    user = SnowflakeGenerator().next()
    answer = owner.ask(f"GET /belongings/{user}/no-such-kind", caller=owner.stranger(ROUTE))
    assert answer.status == 403


@pytest.mark.parametrize("user", ["x", "-1", "%2e%2e", "1" * 41])
def test_a_user_that_cannot_be_is_refused(owner: ServiceUnderTest, user: str) -> None:
    answer = owner.ask(f"GET /belongings/{user}/profile", caller="media")
    assert 400 <= answer.status < 500
