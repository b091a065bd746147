"""Documents in memory: read once, written through, and never older than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from services.chassis import cache as module
from services.chassis.cache import READ_WITHIN, DocumentCache
from services.chassis.dapr.observed_state import ObservedState
from services.chassis.dapr.state import StateEntry, VersionConflict
from services.chassis.errors import OutcomeUnknown
from tests.fakes import FakeState


class Store:
    """A state store whose writes pass a cache."""

    def __init__(self, **options: Any) -> None:
        self.fake = FakeState()
        self.cache = DocumentCache(self.fake, **options)
        self.state = ObservedState(self.fake, self.cache.writing)

    async def read(self, *keys: str, max_age: float = 2.0) -> dict[str, Any]:
        found = await self.cache.read(keys, max_age)
        return {key: each.envelope["n"] if each.exists else None for key, each in found.items()}

    async def write(self, key: str, n: int) -> None:
        entry = await self.fake.get(key)
        await self.state.compare_and_set(key, {"n": n}, etag=entry.etag)


async def store_with(*keys: str, **options: Any) -> Store:
    store = Store(**options)
    for key in keys:
        await store.fake.set(key, {"n": 1})
    store.fake.faults.calls.clear()
    return store


async def test_what_was_read_is_not_read_again_also_where_there_is_nothing() -> None:
    store = await store_with("a", "b")
    assert await store.read("a", "c") == {"a": 1, "c": None}
    assert await store.read("a", "b", "c") == {"a": 1, "b": 1, "c": None}
    assert [call.about for call in store.fake.faults.calls] == [("a", "c"), ("b",)]
    assert (store.cache.hits, store.cache.misses) == (2, 3)


async def test_what_this_process_writes_is_read_from_memory() -> None:
    store = await store_with("a")
    await store.read("a", "b")
    await store.write("a", 2)
    await store.write("b", 3)
    store.fake.faults.calls.clear()
    assert await store.read("a", "b") == {"a": 2, "b": 3}
    await store.state.delete("a")
    assert await store.read("a") == {"a": None}
    assert store.fake.faults.count() == 1, "the deletion"


async def test_what_another_replica_writes_is_read_again_after_the_age_that_is_allowed() -> None:
    store = await store_with("a")
    await store.read("a")
    await store.fake.set("a", {"n": 2})
    assert await store.read("a") == {"a": 1}
    assert await store.read("a", max_age=0) == {"a": 2}
    await store.fake.set("a", {"n": 3})
    await asyncio.sleep(0.01)
    assert await store.read("a", max_age=0.005) == {"a": 3}


async def test_nothing_is_believed_for_longer_than_the_cache_allows() -> None:
    store = await store_with("a", max_kept=0)
    await store.read("a")
    await store.fake.set("a", {"n": 2})
    assert await store.read("a", max_age=100) == {"a": 2}


async def test_a_write_that_failed_is_read_again() -> None:
    store = await store_with("a")
    await store.read("a")
    await store.fake.set("a", {"n": 5})
    with pytest.raises(VersionConflict):
        await store.state.compare_and_set("a", {"n": 2}, etag="old")
    assert await store.read("a") == {"a": 5}


@pytest.mark.parametrize("ends_first", ["read", "write"])
async def test_a_read_that_overlaps_a_write_leaves_nothing_old(ends_first: str) -> None:
    """The store answers the read before the write, and the answer comes at any moment."""
    store = await store_with("a")
    await store.read("a")
    written, answered = asyncio.Event(), asyncio.Event()
    old = await store.fake.get_many(["a"])

    class SlowState(FakeState):
        async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
            await answered.wait()
            return old

    async def slow_write() -> None:
        with store.cache.writing({"a": {"n": 2}}):
            await store.fake.set("a", {"n": 2})
            await written.wait()

    writing = asyncio.create_task(slow_write())
    await asyncio.sleep(0)
    store.cache._state = SlowState()
    reading = asyncio.create_task(store.read("a", max_age=0))
    await asyncio.sleep(0)
    for event, task in {
        "read": ((answered, reading), (written, writing)),
        "write": ((written, writing), (answered, reading)),
    }[ends_first]:
        event.set()
        await task
    store.cache._state = store.fake
    assert await store.read("a") == {"a": 2}


async def test_until_a_write_has_ended_the_document_is_read_from_memory() -> None:
    store = await store_with("a")
    await store.read("a")
    with store.cache.writing({"a": {"n": 2}}):
        await store.fake.set("a", {"n": 2})
        store.fake.faults.calls.clear()
        assert await store.read("a") == {"a": 1}
        assert store.fake.faults.count() == 0
    assert await store.read("a") == {"a": 2}


async def test_of_two_writes_at_once_neither_is_believed() -> None:
    store = await store_with("a")
    await store.read("a")
    with store.cache.writing({"a": {"n": 2}}), store.cache.writing({"a": {"n": 3}}):
        await store.fake.set("a", {"n": 2})
    assert await store.read("a") == {"a": 2}


async def test_after_a_write_of_unknown_outcome_nothing_is_believed_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DEFAULT_TTL", 0.0)
    store = await store_with("a", "b")
    with pytest.raises(OutcomeUnknown), store.cache.writing({"a": {"n": 2}}):
        raise OutcomeUnknown("It took too long.")
    assert await store.read("a", max_age=60.0) == {"a": 1}
    await store.fake.set("a", {"n": 2})  # the write ends late
    assert await store.read("a", max_age=60.0) == {"a": 2}


async def test_after_a_conflict_what_is_cached_is_believed() -> None:
    store = await store_with("a", "b")
    assert await store.read("b") == {"b": 1}
    with pytest.raises(VersionConflict), store.cache.writing({"a": {"n": 2}}):
        raise VersionConflict("Another process was first.")
    store.fake.faults.calls.clear()
    assert await store.read("b", max_age=60.0) == {"b": 1}
    assert not store.fake.faults.calls


async def test_what_nobody_reads_is_not_kept_because_it_is_written() -> None:
    store = await store_with("a")
    await store.write("a", 2)
    assert len(store.cache) == 0
    await store.read("a")
    store.cache._cached["a"].used_at -= READ_WITHIN
    await store.write("a", 3)
    assert len(store.cache) == 0


async def test_the_memory_is_bounded_and_what_was_read_longest_ago_leaves() -> None:
    keys = [str(n) for n in range(40)]
    store = await store_with(*keys, max_bytes=6_000)
    for key in keys:
        await store.read(key)
        assert store.cache.bytes <= 6_000
    store.fake.faults.calls.clear()
    await store.read(*keys[-5:])
    assert store.fake.faults.count() == 0
    await store.read(keys[0])
    assert store.fake.faults.count() == 1


async def test_a_document_is_decoded_once() -> None:
    store = await store_with("a")
    decoded: list[Any] = []

    def decode(entry: StateEntry) -> list[Any]:
        decoded.append(entry.value)
        return decoded

    for _ in range(2):
        found = (await store.cache.read(["a"]))["a"]
        assert found.decoded(decode) == [{"n": 1}]


async def test_what_is_outdated_takes_no_memory() -> None:
    store = await store_with("a", "b", max_kept=0.01)
    await store.read("a")
    await asyncio.sleep(0.02)
    await store.read("b")
    assert len(store.cache) == 1
