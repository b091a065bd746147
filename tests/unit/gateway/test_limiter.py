"""How often somebody may ask."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import ServiceError
from services.gateway.ratelimit.limiter import SHARDS, RateLimiter, RateLimitStatus
from services.gateway.ratelimit.sync import RateLimitSync
from tests.fakes import FakeState


class Clock:
    """At the beginning of a window of the key "a", wherever its shard lies."""

    def __init__(self, window: float = 60) -> None:
        self.now = 1_000_000.25
        self.now = RateLimiter("", 1, window, clock=self).hit("a").reset + 0.25

    def __call__(self) -> float:
        return self.now


def test_the_limit_holds_until_the_window_ends() -> None:
    clock = Clock()
    limiter = RateLimiter("x", 3, 60, clock=clock)
    assert [limiter.hit("a").is_exceeded for _ in range(5)] == [False, False, False, True, True]
    clock.now += 59
    assert limiter.hit("a").is_exceeded
    clock.now += 2
    assert not limiter.hit("a").is_exceeded


def test_keys_are_counted_separately() -> None:
    limiter = RateLimiter("x", 1, 60, clock=Clock())
    assert not limiter.hit("a").is_exceeded
    assert not limiter.hit("b").is_exceeded
    assert limiter.hit("a").is_exceeded


def test_the_number_of_keys_is_bounded_and_old_windows_are_dropped() -> None:
    clock = Clock()
    limiter = RateLimiter("x", 1, 60, max_keys=100, clock=clock)
    for n in range(1000):
        limiter.hit(str(n))
    assert len(limiter) <= 100
    clock.now += 61
    assert list(limiter.unsynced_shards()) == []
    assert len(limiter) == 0


def test_headers_have_limit_remaining_and_reset() -> None:
    limiter = RateLimiter("x", 2, 60, clock=Clock())
    said = [dict(limiter.hit("a").headers()) for _ in range(3)]
    assert [headers[b"x-ratelimit-remaining"] for headers in said] == [b"1", b"0", b"0"]
    assert said[0][b"x-ratelimit-limit"] == b"2"
    assert said[0][b"x-ratelimit-reset"].startswith(b"1970-01-12T13:4")


@dataclass(frozen=True)
class Replica:
    limiter: RateLimiter
    state: FakeState
    ledger: RateLimitSync

    def hit(self, key: str = "a") -> RateLimitStatus:
        return self.limiter.hit(key)

    async def try_to_share(self) -> None:
        with suppress(ServiceError):
            await self.ledger.sync()


def replica(state: FakeState, clock: Clock, name: str) -> Replica:
    limiter, line = RateLimiter("users", 10, 60, replica=name, clock=clock), state.replica()
    return Replica(limiter, line, RateLimitSync(line, [limiter]))


async def test_replicas_merge_the_counts_of_others() -> None:
    state, clock = FakeState(), Clock()
    one, two = replica(state, clock, "one"), replica(state, clock, "two")
    for _ in range(6):
        one.hit()
    two.hit()
    await one.ledger.sync()
    await two.ledger.sync()
    assert two.hit().used == 8
    await two.ledger.sync()
    assert one.hit().used == 7  # does not know it yet
    await one.ledger.sync()
    assert one.hit().used == 10
    assert one.hit().is_exceeded


async def test_a_restart_does_not_lift_a_limit() -> None:
    state, clock = FakeState(), Clock()
    before, after = replica(state, clock, "before"), replica(state, clock, "after")
    for _ in range(15):
        before.hit()
    async with before.ledger:
        pass
    await after.ledger.sync(everything=True)
    assert after.hit().is_exceeded
    clock.now += 60
    assert after.hit().used == 1


async def test_requests_cost_no_state_calls_and_idle_replicas_write_nothing() -> None:
    one = replica(FakeState(), Clock(), "one")
    for n in range(5000):
        one.hit(str(n % 7))
    assert one.state.faults.count() == 0
    for _ in range(10):
        await one.ledger.sync()
    # Told once, seen to be there once, and never asked again.
    assert [call.name for call in one.state.faults.calls] == ["get_many", "transact", "get_many"]


async def test_without_the_state_store_a_replica_counts_alone() -> None:
    one = replica(FakeState(), Clock(), "one")
    one.state.faults.fail("get_many", times=1000)
    for _ in range(10):
        assert not one.hit().is_exceeded
        await one.try_to_share()
    assert one.hit().is_exceeded


def test_requests_above_the_limit_are_not_synchronized() -> None:
    limiter = RateLimiter("x", 3, 60, clock=Clock())
    for _ in range(4):
        limiter.hit("a")
    (shard,) = limiter.unsynced_shards()
    document = limiter.merge(shard, None)
    assert limiter.merge(shard, document) is None
    assert limiter.hit("a").is_exceeded
    assert list(limiter.unsynced_shards()) == []


@pytest.mark.parametrize("like", ["sqlite", "redis"])
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from("bcdefgh"),
            st.sampled_from(["", "lost", "not done", "both at once"]),
        ),
        max_size=8,
    )
)
def test_counts_converge_whatever_happens_to_writes(
    like: str, steps: list[tuple[int, str, str]]
) -> None:
    state, clock = FakeState(like), Clock()
    both = replica(state, clock, "one"), replica(state, clock, "two")

    async def run() -> None:
        for which, other, trouble in steps:
            one = both[which]
            one.hit()
            one.hit(other)
            if trouble == "both at once":
                await asyncio.gather(*(each.try_to_share() for each in both))
                continue
            if trouble:
                one.state.faults.fail("transact", after=trouble == "lost")
            await one.try_to_share()
        for _ in range(12):  # of them some use up the faults that did not strike yet
            for each in both:
                await each.try_to_share()
        for each in both:
            await each.ledger.sync(everything=True)

    asyncio.run(run())
    assert [each.hit().used for each in both] == [len(steps) + 1] * 2
    assert len(state.keys()) <= SHARDS


def test_not_all_windows_end_at_once() -> None:
    limiter = RateLimiter("x", 1, 1600, clock=Clock())
    resets = sorted({limiter.hit(str(n)).reset for n in range(1000)})
    assert len(resets) == SHARDS
    assert {later - sooner for sooner, later in pairwise(resets)} == {100}
