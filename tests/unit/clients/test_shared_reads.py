from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from services.chassis.errors import (
    NotFound,
    OutcomeUnknown,
    Unauthenticated,
    Unavailable,
)
from services.clients.shared_calls import READS
from tests.fakes import until
from tests.unit.clients.batching_service import BatchingService, outcomes


class Things(BatchingService):
    """A service that answers with the path and the token. The path "slow" is late in a batch."""

    method, seconds = "GET", READS.seconds

    def part(self, path: str, token: str, params: Mapping[str, str], body: Any) -> dict[str, Any]:
        assert body is None
        if path == "slow":
            raise OutcomeUnknown("No answer in time.")
        return super().part(path, token, params, body)

    def answer(self, path: str, token: str, params: Mapping[str, str], body: Any) -> Any:
        return [path, token, dict(params)]

    async def get(self, path: str, by: str = "mine", **params: str) -> Any:
        return (await self.shared.invoke("things", path, token=by, params=params)).json()


@pytest.fixture
async def things() -> Things:
    return Things()


async def test_a_lone_read_is_sent_as_it_is(things: Things) -> None:
    assert await things.get("a", q="1") == ["a", "mine", {"q": "1"}]
    assert await things.get("b") == ["b", "mine", {}]
    assert things.calls == ["GET things a", "GET things b"]


async def test_reads_at_the_same_time_share_a_call_each_with_its_token(things: Things) -> None:
    found = await asyncio.gather(things.get("a", q="1"), things.get("b", by="yours"))
    assert [*found] == [["a", "mine", {"q": "1"}], ["b", "yours", {}]]
    assert things.calls == ["POST things bundles"]


async def test_a_read_never_gets_what_was_read_before_it_began(things: Things) -> None:
    things.gate.clear()
    first = asyncio.ensure_future(things.get("a"))
    await until(lambda: things.calls)
    later = [asyncio.ensure_future(things.get("a")) for _ in range(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert things.calls == ["GET things a"]
    things.gate.set()
    assert await asyncio.gather(first, *later) == [["a", "mine", {}]] * 3
    assert things.calls == ["GET things a", "POST things bundles"]


async def test_what_is_refused_fails_only_who_asked_for_it(things: Things) -> None:
    found = await outcomes(things.get("a"), things.get("nothing"))
    assert found[0] == ["a", "mine", {}]
    assert isinstance(found[1], NotFound)
    assert found[1].message == "There is no such thing."


async def test_reads_of_a_batch_that_is_refused_are_sent_one_by_one(things: Things) -> None:
    things.refusal = NotFound("There is no such route.")
    found = await outcomes(things.get("a"), things.get("nothing"))
    assert found[0] == ["a", "mine", {}]
    assert isinstance(found[1], NotFound)
    assert things.calls == ["POST things bundles", "GET things a", "GET things nothing"]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [{"status": 200, "body": 1}],
        [{"status": 200, "body": 1}] * 3,
        [{"body": 1}, {"status": 200}],
        [{"status": "200", "body": 1}, 7],
        {},
        "?",
    ],
)
async def test_reads_of_a_malformed_answer_are_sent_one_by_one(things: Things, answer: Any) -> None:
    things.malformed = answer
    found = await outcomes(things.get("a"), things.get("b"))
    assert found == [["a", "mine", {}], ["b", "mine", {}]]
    assert things.calls == ["POST things bundles", "GET things a", "GET things b"]


async def test_a_service_that_ignores_the_tokens_of_parts_answers_nobody_as_anonymous(
    things: Things,
) -> None:
    things.ignores_tokens = True
    found = await outcomes(
        things.get("a"), things.get("b", by="yours"), things.get("c", by="forged")
    )
    assert found[:2] == [["a", "mine", {}], ["b", "yours", {}]]
    assert isinstance(found[2], Unauthenticated)
    assert things.calls == ["POST things bundles", *(f"GET things {path}" for path in "abc")]


async def test_a_read_that_takes_long_is_sent_again_by_itself(things: Things) -> None:
    found = await outcomes(things.get("a"), things.get("slow"))
    assert found == [["a", "mine", {}], ["slow", "mine", {}]]
    assert things.calls == ["POST things bundles", "GET things slow"]


async def test_reads_that_all_take_long_are_not_sent_again(things: Things) -> None:
    failed = await outcomes(things.get("slow"), things.get("slow"))
    assert [type(each) for each in failed] == [OutcomeUnknown, OutcomeUnknown]
    assert things.calls == ["POST things bundles"]


async def test_what_is_too_large_for_a_batch_is_sent_by_itself(things: Things) -> None:
    tag = quote("\N{MATHEMATICAL SCRIPT CAPITAL A}" * 100)
    many = {f"p{n}": "1" for n in range(21)}
    await outcomes(
        things.get("a"),
        things.get("b"),
        things.get(tag),
        things.get("c", **many),
        things.get("d", by="t" * 4_001),
    )
    assert sorted(things.calls) == sorted(
        [f"GET things {tag}", "GET things c", "GET things d", "POST things bundles"]
    )


async def test_a_lone_read_that_is_refused_fails(things: Things) -> None:
    with pytest.raises(NotFound):
        await things.get("nothing")
    assert await things.get("a") == ["a", "mine", {}]


async def test_a_service_that_is_down_is_called_once_for_all(things: Things) -> None:
    things.outage = Unavailable("not now")
    failed = await outcomes(things.get("a"), things.get("b"))
    assert [type(each) for each in failed] == [Unavailable, Unavailable]
    assert things.calls == ["POST things bundles"]


async def test_a_call_that_hangs_delays_only_its_own_reads(things: Things) -> None:
    things.gate.clear()
    hanging = asyncio.ensure_future(things.get("a"))
    await until(lambda: things.calls)
    things.gate = asyncio.Event()
    things.gate.set()
    assert await asyncio.wait_for(things.get("b"), 10) == ["b", "mine", {}]
    assert not hanging.done()
    hanging.cancel()


async def test_what_has_no_token_or_a_precondition_is_sent_by_itself(things: Things) -> None:
    await outcomes(
        things.shared.invoke("things", "a"),
        things.shared.invoke("things", "b"),
        things.shared.invoke("things", "c", token="mine", headers={"if-match": "1"}),
        things.shared.invoke("things", "d", token="mine", deadline=1.0),
    )
    assert things.calls == [f"GET things {path}" for path in "abcd"]


async def test_reads_and_changes_share_no_call(things: Things) -> None:
    await asyncio.gather(
        things.get("a"), things.shared.invoke("things", "b", method="POST", token="mine")
    )
    assert things.calls == ["GET things a", "POST things b"]


async def test_reads_of_two_services_share_no_call(things: Things) -> None:
    await asyncio.gather(
        things.shared.invoke("things", "a", token="mine"),
        things.shared.invoke("others", "a", token="mine"),
    )
    assert things.calls == ["GET things a", "GET others a"]
