from __future__ import annotations

import asyncio

import pytest

from services.chassis.dapr import call_groups
from services.chassis.dapr.call_groups import (
    MAX_CALLS,
    MAX_GROUP_BYTES,
    MAX_REQUESTS,
    CallGroups,
    Request,
    answer_together,
)
from services.chassis.errors import OutcomeUnknown, Unavailable


class Doubler:
    """Answers groups of numbers with their doubles, when its gate is open."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.calls = CallGroups(self._run, lambda span, asked: span.describe(str(asked), {}))

    async def _run(self, group: list[Request[int]]) -> None:
        self.groups.append([request.asked for request in group])
        await self.gate.wait()
        if any(request.asked < 0 for request in group):
            raise Unavailable("not now")
        for request in group:
            request.succeed(2 * request.asked)


@pytest.fixture
async def doubler() -> Doubler:
    return Doubler()


async def test_a_lone_request_is_a_call_of_its_own(doubler: Doubler) -> None:
    assert await doubler.calls.submit(1) == 2
    assert await doubler.calls.submit(2) == 4
    assert doubler.groups == [[1], [2]]


async def test_what_is_asked_in_the_same_turn_shares_a_call(doubler: Doubler) -> None:
    assert await asyncio.gather(*map(doubler.calls.submit, range(5))) == [0, 2, 4, 6, 8]
    assert doubler.groups == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(("extra", "groups"), [(0, [[0], [1]]), (1, [[0, 1]])])
async def test_what_is_asked_in_an_extra_turn_shares_the_call(
    extra: int, groups: list[list[int]]
) -> None:
    doubler = Doubler()
    doubler.calls = CallGroups(doubler._run, lambda span, asked: None, extra_turns=extra)

    async def ask_later() -> int:
        await asyncio.sleep(0)
        doubled: int = await doubler.calls.submit(1)
        return doubled

    assert [*await asyncio.gather(doubler.calls.submit(0), ask_later())] == [0, 2]
    assert doubler.groups == groups


async def test_what_comes_during_the_calls_in_flight_shares_the_next(doubler: Doubler) -> None:
    doubler.gate.clear()
    asked = []
    for n in range(10):
        asked.append(asyncio.ensure_future(doubler.calls.submit(n)))
        for _ in range(3):
            await asyncio.sleep(0)
    assert len(doubler.groups) == MAX_CALLS
    doubler.gate.set()
    assert await asyncio.gather(*asked) == [2 * n for n in range(10)]
    assert len(doubler.groups) == MAX_CALLS + 1


async def test_a_call_is_bounded_in_requests_and_bytes(doubler: Doubler) -> None:
    await asyncio.gather(*map(doubler.calls.submit, range(MAX_REQUESTS + 1)))
    assert [len(group) for group in doubler.groups] == [MAX_REQUESTS, 1]
    doubler.groups.clear()
    half = MAX_GROUP_BYTES // 2 + 1
    await asyncio.gather(*(doubler.calls.submit(n, half) for n in range(3)))
    assert sorted(doubler.groups) == [[0], [1], [2]]


async def test_the_bound_of_a_group_may_be_of_another_kind() -> None:
    doubler = Doubler()
    doubler.calls = CallGroups(doubler._run, lambda span, asked: None, max_calls=1, max_size=5)
    await asyncio.gather(*(doubler.calls.submit(n, size) for n, size in enumerate((3, 2, 9, 1))))
    assert doubler.groups == [[0, 1], [2], [3]]


class Reader:
    """Handles keys together. Some cannot be read, because they keep changing or are damaged."""

    def __init__(self, **unreadable: Exception) -> None:
        self.unreadable = unreadable
        self.runs: list[list[str]] = []
        self.calls = CallGroups(self._answer, lambda span, asked: None, max_calls=1)

    async def _answer(self, group: list[Request[str]]) -> None:
        await answer_together(group, self._run)

    async def _run(self, group: list[Request[str]]) -> None:
        self.runs.append([request.asked for request in group])
        for request in group:
            if request.asked in self.unreadable:
                raise self.unreadable[request.asked]

    async def ask(self, keys: str) -> list[object]:
        """What becomes of keys that are asked for at the same time; None if it was handled."""
        found: list[object] = await asyncio.gather(
            *map(self.calls.submit, keys), return_exceptions=True
        )
        return found


@pytest.mark.parametrize(
    "error", [Unavailable("It keeps changing."), OutcomeUnknown("No answer."), ValueError("?")]
)
@pytest.mark.parametrize("bad", "abc")
async def test_what_cannot_be_read_stops_only_who_needs_it(bad: str, error: Exception) -> None:
    reader = Reader(**{bad: error})
    assert await reader.ask("abc") == [error if key == bad else None for key in "abc"]
    assert reader.runs == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_nobody_waits_for_a_silent_store_once_for_each_of_a_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_groups, "LONE_TIME", 0.0)
    error = OutcomeUnknown("No answer.")
    reader = Reader(a=error)
    assert await reader.ask("abc") == [error] * 3
    assert reader.runs == [["a", "b", "c"]]
    assert await reader.ask("bc") == [None, None]


async def test_a_failed_call_fails_all_its_requests_and_no_later_one(doubler: Doubler) -> None:
    asked = [doubler.calls.submit(-1), doubler.calls.submit(1)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert await doubler.calls.submit(3) == 6


async def test_a_caller_that_is_cancelled_takes_no_other_with_it(doubler: Doubler) -> None:
    doubler.gate.clear()
    one, two = (asyncio.ensure_future(doubler.calls.submit(n)) for n in (1, 2))
    await asyncio.sleep(0)
    one.cancel()
    doubler.gate.set()
    assert await two == 4
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_a_request_is_answered_that_comes_as_the_last_calls_end(doubler: Doubler) -> None:
    async def ask_twice(n: int) -> int:
        await doubler.calls.submit(n)
        result: int = await doubler.calls.submit(n)
        return result

    doubler.gate.clear()
    asked = []
    for n in range(MAX_CALLS):
        asked.append(asyncio.ensure_future(ask_twice(n)))
        for _ in range(3):
            await asyncio.sleep(0)
    assert len(doubler.groups) == MAX_CALLS
    doubler.gate.set()  # all calls end in the same turn of the loop
    async with asyncio.timeout(30):
        assert await asyncio.gather(*asked) == [2 * n for n in range(MAX_CALLS)]
