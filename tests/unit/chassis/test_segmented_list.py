from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.dapr.state import VersionConflict
from services.chassis.errors import Unavailable
from services.chassis.storage import list_head, segmented_list
from services.chassis.storage.bulk_insert import BulkInserter, ListRef, insert_read
from services.chassis.storage.list_head import SegmentRef
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window
from tests.fakes import Call, FakeState


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of 3 rows, and indexes of 2 references, so that a short list is a tree."""
    monkeypatch.setattr(segmented_list, "SEGMENT_SIZE", 3)
    monkeypatch.setattr(list_head, "INDEX_SIZE", 2)


def row(n: int) -> Row:
    return [f"{n:018}", n]


def rows_of(*numbers: int) -> list[Row]:
    return [row(n) for n in numbers]


numbers = st.integers(1, 90)
some = st.lists(numbers, min_size=1, max_size=30)
step = st.one_of(
    st.tuples(st.just("insert"), some),
    st.tuples(st.just("remove"), some),
    st.tuples(st.just("everywhere"), some),
    st.tuples(st.just("replace"), some),
)
bound = st.one_of(st.just(0), numbers)
window = st.tuples(st.integers(1, 12), bound, bound, bound).map(
    lambda w: Window(w[0], *(f"{n:018}" if n else "" for n in w[1:]))
)


@settings(max_examples=100)
@given(st.lists(step, max_size=25), st.lists(window, min_size=1, max_size=6))
def test_a_list_has_the_inserted_rows_without_the_removed_ones(
    steps: list[tuple[str, list[int]]], windows: list[Window]
) -> None:
    asyncio.run(_compare(steps, windows))


async def _compare(steps: list[tuple[str, list[int]]], windows: list[Window]) -> None:
    state = FakeState()
    lists = SegmentedLists(state, "list")
    everywhere = BulkInserter(state)
    model: set[int] = set()
    for what, batch in steps:
        if what == "insert":
            await lists.insert("a", rows_of(*batch))
            model |= set(batch)
        elif what == "everywhere":
            await everywhere.insert([(lists, "a"), (lists, "b")], rows_of(*batch))
            model |= set(batch)
        elif what == "replace":
            await lists.replace("a", rows_of(*batch))
            model = set(batch)
        else:
            await lists.remove("a", [row(n)[0] for n in batch])
            model -= set(batch)
        head = await lists.head("a")
        assert head.total == len(model)
        assert len(head.recent) <= 6
    assert await lists.all("a") == rows_of(*sorted(model, reverse=True))
    for window in windows:
        assert await lists.page("a", window) == window.select(rows_of(*model))
    # No unused segment is left.
    named = await _named(lists, "a") | await _named(lists, "b")
    assert set(state.keys("list-segment:")) == {f"list-segment:{name}" for name in named}


async def _named(lists: SegmentedLists, id: str) -> set[str]:
    """The names of all segments of a list, on every level."""
    refs, names = (await lists.head(id)).segments, set[str]()
    assert all(sum(ref.level == level for ref in refs) <= 4 for level in range(9))
    while refs:
        names |= {ref.name for ref in refs}
        contents = await lists.segments.load([ref for ref in refs if ref.level])
        refs = [r for content in contents.values() for r in content if isinstance(r, SegmentRef)]
    return names


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), some), min_size=2, max_size=10))
def test_concurrent_changes_lose_nothing(changes: list[tuple[bool, list[int]]]) -> None:
    # Odd numbers are only inserted, even ones only removed: the order cannot matter.
    asyncio.run(_at_once(changes))


async def _at_once(changes: list[tuple[bool, list[int]]]) -> None:
    state = FakeState()
    replicas = [SegmentedLists(state.replica(), "list") for _ in range(3)]
    evens = list(range(2, 41, 2))
    await replicas[0].insert("a", rows_of(*evens))
    added = {2 * n + 1 for adds, batch in changes if adds for n in batch}
    removed = {2 * (n // 2) for adds, batch in changes if not adds for n in batch}
    work = []
    for i, (adds, batch) in enumerate(changes):
        lists = replicas[i % 3]
        if adds:
            work.append(lists.insert("a", rows_of(*(2 * n + 1 for n in batch))))
        else:
            work.append(lists.remove("a", [row(2 * (n // 2))[0] for n in batch]))
    await asyncio.gather(*work)
    expected = sorted((set(evens) - removed) | added, reverse=True)
    assert await replicas[1].all("a") == rows_of(*expected)
    assert (await replicas[2].head("a")).total == len(expected)


async def test_a_limited_list_drops_its_oldest_rows() -> None:
    state = FakeState()
    lists = SegmentedLists(state, "list", max_rows=12)
    for n in range(1, 60):
        await lists.insert("a", rows_of(n))
    kept = await lists.all("a")
    assert 12 <= len(kept) <= 12 + 6
    assert kept == rows_of(*range(59, 59 - len(kept), -1))
    assert (await lists.head("a")).total == len(kept)
    assert len(state.keys("list-segment:")) == len(await _named(lists, "a"))


@pytest.mark.parametrize("like", ["sqlite", "redis"])
async def test_a_bulk_insert_reaches_new_lists_and_concurrently_changed_ones(like: str) -> None:
    state = FakeState(like)
    lists, other = SegmentedLists(state, "list"), SegmentedLists(state.replica(), "list")
    ids = [f"l{n}" for n in range(120)]
    for n, id in enumerate(ids[:100]):
        await lists.insert(id, rows_of(*range(100, 100 + n % 9)))

    async def meanwhile(call: Call) -> None:
        if call.name == "transact" and call.about[0] == "list:l0":
            await other.insert("l7", rows_of(77))

    state.faults.before.append(meanwhile)
    everywhere = BulkInserter(state)
    for _ in range(2):
        await everywhere.insert([(lists, id) for id in ids], rows_of(500))
    for n, id in enumerate(ids):
        expected = {500, *(range(100, 100 + n % 9) if n < 100 else ())} | (
            {77} if n == 7 else set()
        )
        assert await lists.all(id) == rows_of(*sorted(expected, reverse=True))


async def test_a_bulk_insert_costs_one_read_and_one_write_per_fifty_lists() -> None:
    state = FakeState()
    lists = SegmentedLists(state, "list")
    ids = [f"l{n}" for n in range(100)]
    for id in ids:
        await lists.insert(id, rows_of(1))
    state.faults.calls.clear()
    await BulkInserter(state).insert([(lists, id) for id in ids], rows_of(2))
    assert [call.name for call in state.faults.calls] == ["get_many", "transact", "transact"]


async def test_insertions_that_wait_share_one_read_and_one_write() -> None:
    state = FakeState()
    lists = SegmentedLists(state, "list", segment_size=20)
    for id in "abc":
        await lists.insert(id, rows_of(1))
    everywhere = BulkInserter(state)
    state.faults.calls.clear()
    refs = [(lists, "a"), (lists, "b")]
    inserted = [everywhere.insert([*refs, (lists, "c")], rows_of(n)) for n in range(2, 32)]
    await asyncio.gather(*inserted, everywhere.insert(refs, rows_of(99)), everywhere.insert([], []))
    assert [call.name for call in state.faults.calls] == ["get_many", "transact"]
    assert await lists.all("a") == await lists.all("b") == rows_of(99, *range(31, 0, -1))
    assert await lists.all("c") == rows_of(*range(31, 0, -1))


async def test_a_list_that_cannot_be_read_fails_only_who_needs_it() -> None:
    state = FakeState()
    lists = SegmentedLists(state, "list")
    await lists.insert("a", rows_of(1))
    await state.set("list:bad", {"version": 1, "schema": 1, "data": {}})
    everywhere = BulkInserter(state)
    outcomes = await asyncio.gather(
        everywhere.insert([(lists, "a")], rows_of(2)),
        everywhere.insert([(lists, "a"), (lists, "bad")], rows_of(3)),
        everywhere.insert([(lists, "a")], rows_of(4)),
        return_exceptions=True,
    )
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert {row[0] for row in await lists.all("a")} >= {row[0] for row in rows_of(1, 2, 4)}


@pytest.mark.parametrize("like", ["sqlite", "redis"])
async def test_a_bulk_insert_writes_full_segments_with_the_heads(like: str) -> None:
    state = FakeState(like)
    lists = SegmentedLists(state, "list", segment_size=2, max_rows=6)
    await lists.insert("a", rows_of(1))
    everywhere = BulkInserter(state)
    for n in range(2, 20):
        state.faults.calls.clear()
        await everywhere.insert([(lists, "a")], rows_of(n))
        calls = [call.name for call in state.faults.calls]
        assert calls[:2] == ["get_many", "transact"]
        assert set(calls[2:]) <= {"delete"}  # a segment beyond `max_rows`
    head = await lists.head("a")
    assert len(head.recent) <= 4
    assert head.total == len(await lists.all("a")) <= 8
    assert await lists.all("a") == rows_of(*range(19, 19 - head.total, -1))
    assert len(state.keys("list-segment:")) == len(head.segments)  # none is left behind


@pytest.mark.parametrize("like", ["sqlite", "redis"])
async def test_lists_that_were_read_get_their_rows_with_one_write(like: str) -> None:
    state = FakeState(like)
    lists, sums = SegmentedLists(state, "list"), SegmentedLists(state, "sum", sum_column=1)
    other = SegmentedLists(state.replica(), "sum", sum_column=1)
    await lists.insert("a", rows_of(1))
    await sums.insert("b", rows_of(2))
    wanted: dict[ListRef, list[Row]] = {
        (lists, "a"): rows_of(1, 3),
        (sums, "b"): rows_of(2, 40, 500),
        (sums, "new"): rows_of(6),
    }
    keys = [kind.heads.key(id) for kind, id in wanted]

    state.faults.calls.clear()
    found = await state.get_many(keys)
    await insert_read(state, wanted, found)
    assert [call.name for call in state.faults.calls] == ["get_many", "transact", "compare_and_set"]

    await other.insert("b", rows_of(7))
    wanted[sums, "b"] = rows_of(2, 40, 500, 8)
    await insert_read(state, wanted, found)  # the heads have changed since they were read
    state.faults.calls.clear()
    await insert_read(state, wanted, await state.get_many(keys))
    assert [call.name for call in state.faults.calls] == ["get_many"]
    assert await lists.all("a") == rows_of(3, 1)
    assert await sums.all("b") == rows_of(500, 40, 8, 7, 2)
    assert (await sums.head("b")).summed == 557
    assert await sums.all("new") == rows_of(6)


async def test_the_newest_page_costs_one_call_and_any_other_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_head, "INDEX_SIZE", 32)
    state = FakeState()
    lists = SegmentedLists(state, "list")
    for n in range(1, 100):
        await lists.insert("a", rows_of(n))
    state.faults.calls.clear()
    await lists.page("a", Window(3))
    assert state.faults.count() == 1
    await lists.page("a", Window(3, max_id=row(50)[0]))
    assert state.faults.count() == 3


async def test_a_list_of_100_000_costs_little_more_than_a_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    state = FakeState()
    lists = SegmentedLists(state, "list")
    await lists.replace("a", rows_of(*range(1, 100_001)))
    assert len(orjson.dumps(state.peek("list:a"))) < 16_000
    state.faults.calls.clear()
    assert await lists.page("a", Window(3)) == rows_of(100_000, 99_999, 99_998)
    assert state.faults.count() == 1
    assert await lists.page("a", Window(2, max_id=row(500)[0])) == rows_of(499, 498)
    assert state.faults.count() == 4  # the head, indexes, rows
    state.faults.calls.clear()
    await lists.insert("a", rows_of(100_001))
    assert state.faults.count() == 2
    state.faults.calls.clear()
    await lists.remove("a", [row(777)[0]])
    assert state.faults.count() <= 12
    assert (await lists.head("a")).total == 100_000


Change = Callable[[SegmentedLists], Any]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["compare_and_set", "get", "get_many", "delete"])
@pytest.mark.parametrize(
    "change",
    [
        lambda lists: lists.insert("a", rows_of(30, 31, 32)),
        lambda lists: lists.remove("a", [row(2)[0], row(5)[0], row(20)[0]]),
    ],
    ids=["insert", "remove"],
)
async def test_after_a_crash_anywhere_a_repeat_completes_the_list(
    change: Change, name: str, after: bool
) -> None:
    for nth in range(1, 12):
        state = FakeState()
        before = SegmentedLists(state, "list")
        await before.insert("a", rows_of(*range(1, 21)))
        mortal = state.replica()
        mortal.faults.crash(name, nth=nth, after=after)
        doomed = asyncio.ensure_future(change(SegmentedLists(mortal, "list")))
        death = asyncio.ensure_future(mortal.faults.dead.wait())
        await asyncio.wait([doomed, death], return_when=asyncio.FIRST_COMPLETED)
        again = SegmentedLists(state.replica(), "list")
        head = await again.head("a")
        assert head.total == len(await again.all("a"))
        await change(again)
        expected = SegmentedLists(FakeState(), "list")
        await expected.insert("a", rows_of(*range(1, 21)))
        await change(expected)
        assert await again.all("a") == await expected.all("a")
        assert (await again.head("a")).total == (await expected.head("a")).total
        died = death.done()
        for task in (doomed, death):
            task.cancel()
        await asyncio.gather(doomed, death, return_exceptions=True)
        if not died:
            return


async def test_a_replace_while_the_list_changes_is_a_conflict_and_leaves_no_segments() -> None:
    state = FakeState()
    lists, other = SegmentedLists(state, "list"), SegmentedLists(state.replica(), "list")
    await lists.insert("a", rows_of(*range(1, 5)))

    async def meanwhile(call: Call) -> None:
        if call.name == "compare_and_set" and call.about[0] == "list:a":
            state.faults.before.clear()
            await other.insert("a", rows_of(99))

    state.faults.before.append(meanwhile)
    with pytest.raises(VersionConflict):
        await lists.replace("a", rows_of(*range(10, 40)))
    assert await lists.all("a") == rows_of(99, 4, 3, 2, 1)
    assert state.keys("list-segment:") == []


async def test_a_list_is_cleared_up_to_a_row_in_one_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.chassis.storage.list_head.INDEX_SIZE", 4)
    state = FakeState()
    lists = SegmentedLists(state, "list", segment_size=5)
    for n in range(1, 101):
        await lists.insert("a", rows_of(n))
    before = state.faults.count("compare_and_set")
    await lists.clear("a", row(50)[0])
    assert state.faults.count("compare_and_set") == before + 1
    left = await lists.all("a")
    assert left[:50] == rows_of(*range(100, 50, -1))
    assert len(left) == (await lists.head("a")).total < 71
    await lists.clear("a", row(100)[0])
    assert await lists.all("a") == []
    assert state.keys("list-segment:") == []
    assert (await lists.clear("nothing", row(1)[0])).total == 0


async def test_a_reader_repeats_when_a_segment_was_replaced() -> None:
    state = FakeState()
    lists, other = SegmentedLists(state, "list"), SegmentedLists(state.replica(), "list")
    await lists.insert("a", rows_of(*range(1, 21)))

    async def meanwhile(call: Call) -> None:
        if call.name == "get_many":
            state.faults.before.clear()
            await other.remove("a", [row(2)[0]])

    for below in (5, 4):
        state.faults.before.append(meanwhile)
        page = await lists.page("a", Window(4, max_id=row(below)[0]))
        assert row(1) in page
        assert row(3) in page

    async def again(call: Call) -> None:
        if call.name == "get_many":
            state.faults.before.clear()
            await other.remove("a", [row(7)[0]])

    state.faults.before.append(again)
    assert await lists.all("a") == rows_of(*(n for n in range(20, 0, -1) if n not in (2, 7)))


async def test_published_lists_are_not_changed_in_bulk() -> None:
    from services.chassis.publishing.outbox import Outbox
    from tests.fakes import FakeBroker

    state = FakeState()
    outbox = Outbox("lists", "me", state, FakeBroker())
    lists = SegmentedLists(state, "list", outbox=outbox)
    with pytest.raises(ValueError, match="changed in bulk"):
        await BulkInserter(state).insert([(lists, "a")], rows_of(1))


async def test_an_unavailable_store_fails_one_change_but_not_the_next() -> None:
    state = FakeState()
    lists = SegmentedLists(state, "list")
    state.faults.fail("get", times=1, error=ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await lists.insert("a", rows_of(1))
    state.faults.fail("get", error=Unavailable("for a moment"))
    await lists.insert("a", rows_of(1))
    assert await lists.all("a") == rows_of(1)


async def test_a_list_with_a_sum_column_counts_repeated_rows_once() -> None:
    lists = SegmentedLists(FakeState(), "statement", sum_column=1, segment_size=3)
    rows = [[f"{n:03}", n] for n in range(100)]
    for row in [*rows, *reversed(rows), *rows]:
        head = await lists.insert("a", [row])
    assert head.summed == (await lists.head("a")).summed == sum(range(100))
    assert head.total == 100
    for shrink in (lists.remove("a", ["001"]), lists.clear("a", "050"), lists.replace("a", [])):
        with pytest.raises(ValueError, match="cannot be removed"):
            await shrink
    with pytest.raises(ValueError, match="cannot have max_rows"):
        SegmentedLists(FakeState(), "statement", sum_column=1, max_rows=3)
