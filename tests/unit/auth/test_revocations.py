from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from services.auth.adapters import revocations
from services.auth.adapters.revocations import (
    CHUNK_SIZE,
    READ_CACHE_TTL,
    RevocationChunk,
    RevocationLog,
    RevocationLogBounds,
)
from services.chassis.storage.collection import Collection
from tests.fakes import FakeState


@dataclass
class Monotonic:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def replica(state: FakeState, clock: Monotonic | None = None) -> RevocationLog:
    line = state.replica()
    chunks, ends = (
        Collection(line, "revocations", RevocationChunk),
        Collection(line, "ends", RevocationLogBounds),
    )
    log = RevocationLog(line, chunks, ends, clock or Monotonic())
    log._state = line
    return log


async def read_all(log: RevocationLog, cursor: int = 0) -> tuple[list[str], int]:
    found: list[str] = []
    while True:
        ids, cursor = await log.read_after(cursor)
        found += ids
        if not ids:
            return found, cursor


async def test_entries_are_read_once_from_a_cursor() -> None:
    log = replica(FakeState())
    assert await log.read_after(0) == ([], 0)
    await log.append("a", 99, 0)
    await log.append("b", 99, 0)
    assert await log.read_after(0) == (["a", "b"], 2)
    assert await log.read_after(1) == (["b"], 2)
    assert await log.read_after(2) == ([], 2)


async def test_a_token_is_added_once() -> None:
    log = replica(FakeState())
    await log.append("a", 99, 0)
    await log.append("a", 99, 0)
    assert await log.read_after(0) == (["a"], 1)


async def test_two_replicas_fill_chunks_without_losing_entries() -> None:
    state, clock = FakeState(), Monotonic()
    one, two = replica(state, clock), replica(state, clock)
    count = 2 * CHUNK_SIZE + 20
    for start in range(0, count, 20):
        await asyncio.gather(
            *((one, two)[i % 2].append(str(i), 99, 0) for i in range(start, start + 20))
        )
    found, cursor = await read_all(replica(state))
    assert sorted(found, key=int) == [str(i) for i in range(count)]
    assert cursor == count
    assert all(
        len(state.peek(k)["data"]["entries"]) <= CHUNK_SIZE for k in state.keys("revocations:")
    )


async def test_entries_of_another_replica_appear_within_half_a_second() -> None:
    state, clock = FakeState(), Monotonic()
    one, two = replica(state, clock), replica(state, clock)
    assert await two.read_after(0) == ([], 0)
    await one.append("a", 99, 0)
    clock.now += READ_CACHE_TTL
    assert await two.read_after(0) == (["a"], 1)


async def test_concurrent_readers_share_one_call() -> None:
    state = FakeState()
    log = replica(state)
    await log.append("a", 99, 0)
    faults = log._state.faults  # type: ignore[attr-defined]
    before = faults.count()
    await asyncio.gather(*(log.read_after(1) for _ in range(50)))
    assert faults.count() - before == 1


async def test_chunks_of_expired_tokens_are_dropped() -> None:
    state = FakeState()
    log = replica(state)
    for i in range(CHUNK_SIZE):
        await log.append(str(i), 100, 0)
    await log.append("later", 999, 200)
    assert state.keys("revocations:") == ["revocations:1"]
    assert await read_all(replica(state)) == (["later"], CHUNK_SIZE + 1)
    assert await replica(state).read_after(CHUNK_SIZE) == (["later"], CHUNK_SIZE + 1)


async def test_a_cursor_of_another_log_starts_over() -> None:
    log = replica(FakeState())
    await log.append("a", 99, 0)
    for cursor in (2, 77, 10 * CHUNK_SIZE):
        assert await log.read_after(cursor) == (["a"], 1)


async def test_a_cursor_works_on_every_replica() -> None:
    state, clock = FakeState(), Monotonic()
    one, two = replica(state, clock), replica(state, clock)
    await two.read_after(0)
    await one.append("a", 99, 0)
    assert await two.read_after(1) == ([], 1)


async def test_a_reader_without_news_waits_for_the_next_entry() -> None:
    log = replica(FakeState())
    waiting = asyncio.ensure_future(log.wait_after(0, 60))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    await log.append("a", 99, 0)
    async with asyncio.timeout(30):
        assert await waiting == (["a"], 1)
    assert await log.wait_after(0, 60) == (["a"], 1)


async def test_a_waiting_reader_finds_entries_of_other_replicas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revocations, "READ_CACHE_TTL", 0.0)
    state = FakeState()
    waiting = asyncio.ensure_future(replica(state).wait_after(0, 60))
    await replica(state).append("a", 99, 0)
    async with asyncio.timeout(30):
        assert await waiting == (["a"], 1)


async def test_all_who_wait_look_for_entries_of_other_replicas_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses, timeout = list[float | None](), asyncio.timeout

    def pause(seconds: float | None) -> asyncio.Timeout:
        pauses.append(seconds)
        return timeout(seconds)

    monkeypatch.setattr(asyncio, "timeout", pause)
    clock = Monotonic()
    log = replica(FakeState(), clock)
    waiting = []
    for seconds in (1.0, 0.25, 0.0):
        waiting.append(asyncio.ensure_future(log.wait_after(0, 60)))
        for _ in range(20):
            await asyncio.sleep(0)
        clock.now += seconds
    assert pauses == [READ_CACHE_TTL, READ_CACHE_TTL - 1, READ_CACHE_TTL - 1.25]
    log.close()
    assert await asyncio.gather(*waiting) == [([], 0)] * 3


async def test_nobody_waits_longer_than_asked_or_at_a_service_that_stops() -> None:
    clock = Monotonic()
    log = replica(FakeState(), clock)
    assert await log.wait_after(0, 0) == ([], 0)
    waiting = asyncio.ensure_future(log.wait_after(0, 60))
    await asyncio.sleep(0)
    log.close()
    async with asyncio.timeout(30):
        assert await waiting == ([], 0)
        assert await log.wait_after(0, 60) == ([], 0)
