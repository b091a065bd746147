from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from services.chassis.errors import (
    NotFound,
    OutcomeUnknown,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from services.clients.shared_calls import CHANGES, MAX_BODY_BYTES
from tests.fakes import until
from tests.unit.clients.batching_service import BatchingService, outcomes

UNDECIDED: dict[str, dict[str, Any]] = {
    "broken": {"status": 500, "body": {"code": "internal", "message": "A fault."}},
    "late": {"status": 504, "body": {"code": "outcome_unknown", "message": "No answer in time."}},
    "malformed": {"body": 1},
}
"""Paths at which the outcome of a part of a batch is unknown, and the part of the answer."""


class Things(BatchingService):
    """A service that remembers what was done. At the path "busy" it cannot begin a part."""

    method, seconds = "POST", CHANGES.seconds

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, str, Any]] = []

    def part(self, path: str, token: str, params: Mapping[str, str], body: Any) -> dict[str, Any]:
        if path == "busy":
            raise Unavailable("Not now.")
        made = super().part(path, token, params, body)
        return UNDECIDED.get(path) or made

    def answer(self, path: str, token: str, params: Mapping[str, str], body: Any) -> Any:
        address = _address(path, params)
        self.done.append((address, token, body))
        return [address, token, body]

    async def post(self, path: str, by: str = "mine", json: Any = None, **params: str) -> Any:
        response = await self.shared.invoke(
            "things", path, method="POST", token=by, json=json, params=params
        )
        return response.json()


def _address(path: str, params: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(params)}" if params else path


def kinds(found: list[Any]) -> list[type]:
    return [type(each) for each in found]


async def hang_two_calls(things: Things) -> list[asyncio.Future[Any]]:
    """Two changes, each in a call of its own, which end when the gate is opened."""
    things.gate.clear()
    changes: list[asyncio.Future[Any]] = []
    for number in range(2):
        changes.append(asyncio.ensure_future(things.post(f"{number}")))
        await until(lambda: len(things.calls) == len(changes))
    return changes


@pytest.fixture
async def things() -> Things:
    return Things()


async def test_a_lone_change_is_sent_as_it_is(things: Things) -> None:
    assert await things.post("a", json={"n": 1}) == ["a", "mine", {"n": 1}]
    assert await things.post("b") == ["b", "mine", None]
    assert things.calls == ["POST things a", "POST things b"]


async def test_changes_at_the_same_time_share_a_call_each_with_its_token(things: Things) -> None:
    found = await asyncio.gather(
        things.post("a", json={"n": 1}), things.post("b", by="yours", q="1")
    )
    assert [*found] == [["a", "mine", {"n": 1}], ["b?q=1", "yours", None]]
    assert things.calls == ["POST things bundles"]


async def test_what_comes_while_two_calls_are_in_flight_shares_the_next(things: Things) -> None:
    first = await hang_two_calls(things)
    later = [asyncio.ensure_future(things.post("c")) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert things.calls == ["POST things 0", "POST things 1"]
    things.gate.set()
    await asyncio.gather(*first, *later)
    assert things.calls == ["POST things 0", "POST things 1", "POST things bundles"]
    assert len(things.done) == 5


async def test_what_is_refused_fails_only_who_asked_for_it(things: Things) -> None:
    found = await outcomes(things.post("a"), things.post("nothing"))
    assert found[0] == ["a", "mine", None]
    assert isinstance(found[1], NotFound)
    assert found[1].message == "There is no such thing."


async def test_changes_of_a_batch_that_is_refused_are_sent_one_by_one(things: Things) -> None:
    things.refusal = NotFound("There is no such route.")
    found = await outcomes(things.post("a"), things.post("b", by="yours"))
    assert found == [["a", "mine", None], ["b", "yours", None]]
    assert things.calls == ["POST things bundles", "POST things a", "POST things b"]


@pytest.mark.parametrize("failure", [Unavailable, OutcomeUnknown, ServiceError])
async def test_a_batch_that_fails_otherwise_is_not_sent_again(
    things: Things, failure: type[ServiceError]
) -> None:
    things.refusal = failure("not now")
    assert kinds(await outcomes(things.post("a"), things.post("b"))) == [failure, failure]
    assert things.calls == ["POST things bundles"]


@pytest.mark.parametrize("answer", [[], [{"status": 200, "body": 1}], {}, "?"])
async def test_the_outcome_of_changes_with_a_malformed_answer_is_unknown(
    things: Things, answer: Any
) -> None:
    things.malformed = answer
    found = await outcomes(things.post("a"), things.post("b"))
    assert kinds(found) == [OutcomeUnknown, OutcomeUnknown]
    assert things.done == [("a", "mine", None), ("b", "mine", None)]


@pytest.mark.parametrize("path", UNDECIDED)
async def test_a_change_that_may_have_happened_is_not_sent_again(things: Things, path: str) -> None:
    found = await outcomes(things.post("a"), things.post(path))
    assert found[0] == ["a", "mine", None]
    assert isinstance(found[1], ServiceError)
    assert found[1].status == (500 if path == "broken" else 504)
    assert things.calls == ["POST things bundles"]


async def test_a_change_that_has_not_begun_is_sent_again_by_itself(things: Things) -> None:
    found = await outcomes(things.post("a"), things.post("busy"))
    assert found == [["a", "mine", None], ["busy", "mine", None]]
    assert things.calls == ["POST things bundles", "POST things busy"]


async def test_a_service_that_ignores_the_tokens_of_parts_does_nothing_as_anybody_else(
    things: Things,
) -> None:
    things.ignores_tokens = True
    found = await outcomes(
        things.post("a"), things.post("b", by="yours"), things.post("c", by="forged")
    )
    assert found[:2] == [["a", "mine", None], ["b", "yours", None]]
    assert isinstance(found[2], Unauthenticated)
    assert things.done == [("a", "mine", None), ("b", "yours", None)]


async def test_calls_that_hang_delay_only_their_own_changes(things: Things) -> None:
    hanging = await hang_two_calls(things)
    things.gate = asyncio.Event()
    things.gate.set()
    assert await asyncio.wait_for(things.post("b"), 10) == ["b", "mine", None]
    assert not any(each.done() for each in hanging)
    for each in hanging:
        each.cancel()


async def test_what_is_no_small_change_of_a_user_is_sent_by_itself(things: Things) -> None:
    invoke = things.shared.invoke
    await outcomes(
        invoke("things", "a", method="PUT", token="mine"),
        invoke("things", "b", method="DELETE", token="mine"),
        invoke("things", "c", method="POST"),
        invoke("things", "d", method="POST", token="mine", headers={"if-match": "1"}),
        invoke("things", "f", method="POST", token="mine", deadline=1.0),
        things.post("g", json={"text": "x" * MAX_BODY_BYTES}),
        things.post("h", by="t" * 4_001),
        things.post("bundles", json={"of": "somebody else"}),
    )
    assert things.calls == [
        *("PUT things a", "DELETE things b"),
        *(f"POST things {path}" for path in "cdfgh"),
        "POST things bundles",
    ]


async def test_changes_of_two_services_share_no_call(things: Things) -> None:
    await asyncio.gather(
        things.shared.invoke("things", "a", method="POST", token="mine"),
        things.shared.invoke("others", "a", method="POST", token="mine"),
    )
    assert things.calls == ["POST things a", "POST others a"]
