from __future__ import annotations

from services.chassis.cache import DocumentCache
from tests.fakes import FakeState


async def _with(*keys: str) -> FakeState:
    state = FakeState()
    for key in keys:
        await state.set(key, {"version": 1, "data": key})
    state.faults.calls.clear()
    return state


async def test_what_was_read_is_not_read_again_until_it_is_forgotten() -> None:
    state = await _with("a", "b")
    memory = DocumentCache(state)
    assert set(await memory.read(["a", "c"])) == {"a"}
    assert set(await memory.read(["a", "b"], also=["c"])) == {"a", "b"}
    assert [call.about for call in state.faults.calls] == [("a", "c"), ("b", "c")]
    await memory.read(["a", "b"])
    assert state.faults.count() == 2
    await state.set("a", {"version": 2, "data": "a"})
    memory.forget("a")
    assert (await memory.read(["a"]))["a"]["version"] == 2


async def test_what_is_not_there_is_remembered_where_that_is_wanted() -> None:
    state = await _with("a")
    memory = DocumentCache(state, absent=True)
    for _ in range(2):
        assert set(await memory.read(["a", "b"])) == {"a"}
    assert state.faults.count() == 1
    await state.set("b", {"version": 1, "data": "b"})
    memory.forget("b")
    assert set(await memory.read(["a", "b"])) == {"a", "b"}


async def test_nothing_is_believed_for_longer_than_it_is_fresh() -> None:
    state = await _with("a")
    memory = DocumentCache(state, ttl=0)
    await memory.read(["a"])
    await memory.read(["a"])
    assert state.faults.count() == 2


async def test_what_was_read_longest_ago_leaves() -> None:
    state = await _with("a", "b", "c")
    memory = DocumentCache(state, max_documents=2)
    for key in "abc":
        await memory.read([key])
    state.faults.calls.clear()
    await memory.read(["b", "c"])
    assert state.faults.count() == 0
    await memory.read(["a"])
    assert state.faults.count() == 1
