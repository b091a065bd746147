from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from services.chassis import telemetry
from services.chassis.errors import TooLarge, Unavailable
from services.chassis.publishing import journal, outbox, relay
from services.chassis.publishing.journal import SEGMENT_SIZE
from services.chassis.publishing.outbox import Outbox
from services.chassis.storage.collection import Collection
from tests.fakes import Call, FakeBroker, FakeState, until


@dataclass(frozen=True)
class Thing:
    n: int = 0
    secret: str = "hidden"


class Process:
    """A process that publishes its things, with its own connection to store and broker."""

    def __init__(self, state: FakeState, broker: FakeBroker) -> None:
        self.state, self.broker = state.replica(), broker.replica()
        self.outbox = Outbox("things", "producer", self.state, self.broker)
        self.outbox.publishes("thing", "thing.changed", lambda id, data: {"id": id, "n": data["n"]})
        self.things = Collection(self.state, "thing", Thing, outbox=self.outbox)

    async def make(self, *ids: str) -> None:
        await asyncio.gather(
            *(self.things.update(id, lambda t: Thing((t.n if t else 0) + 1)) for id in ids)
        )

    async def published(self) -> None:
        await until(lambda: not self.outbox.backlog)

    def kill(self) -> None:
        self.state.faults.kill()
        self.broker.faults.kill()


class OutboxHarness:
    """Its store cannot create in transactions: the entry of a new document is a call before it."""

    def __init__(self) -> None:
        self.state, self.broker = FakeState("redis"), FakeBroker()
        self.processes: list[Process] = []

    def process(self) -> Process:
        self.processes.append(Process(self.state, self.broker))
        return self.processes[-1]

    def published(self) -> dict[str, int]:
        """The newest version of each thing that the broker got."""
        published: dict[str, int] = {}
        for event in self.broker.events("things"):
            published[event["subject"]] = max(
                event["data"]["n"], published.get(event["subject"], 0)
            )
        return published


@pytest.fixture
async def harness() -> AsyncIterator[OutboxHarness]:
    harness = OutboxHarness()
    yield harness
    for process in harness.processes:
        if not process.state.faults.dead.is_set() and not process.broker.faults.dead.is_set():
            await process.outbox.close()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of the outbox forward."""
    ahead = [0.0]
    real = journal.now_ms
    for module in (journal, outbox):
        monkeypatch.setattr(module, "now_ms", lambda: real() + int(ahead[0] * 1000))

    def jump(seconds: float) -> None:
        ahead[0] += seconds

    return jump


async def dies(process: Process, work: Awaitable[Any]) -> None:
    """Run something during which the process dies."""
    doomed = asyncio.ensure_future(work)
    dead = (process.state.faults.dead, process.broker.faults.dead)
    waits = [asyncio.ensure_future(event.wait()) for event in dead]
    async with asyncio.timeout(30):
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    process.kill()
    for task in (doomed, *waits):
        task.cancel()
    await asyncio.gather(doomed, *waits, return_exceptions=True)


async def test_the_event_of_a_commit_has_all_that_consumers_need(harness: OutboxHarness) -> None:
    trace = telemetry.start_trace({})
    one = harness.process()
    await one.make("a")
    await one.make("a")
    await one.published()
    first, second = harness.broker.events("things")
    assert first["id"] == "producer:thing:a@1"
    assert second["id"] == "producer:thing:a@2"
    assert second["data"] == {"id": "a", "n": 2}
    assert second["type"] == "thing.changed"
    assert second["source"] == "producer"
    assert second["subject"] == "a"
    assert second["stream"] == one.outbox.stream
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert (first["entityversion"], second["entityversion"]) == (1, 2)
    assert second["schemaversion"] == 1
    assert second["traceparent"] == trace.traceparent


async def test_journal_entries_of_concurrent_commits_share_their_writes(
    harness: OutboxHarness,
) -> None:
    one = harness.process()
    await one.make("first")
    await one.published()
    one.state.faults.calls.clear()
    await one.make(*(f"t{n}" for n in range(50)))
    assert one.state.faults.count("compare_and_set") == 50
    assert one.state.faults.count("set") <= 3
    await one.published()
    assert len(harness.published()) == 51
    assert one.broker.faults.count("publish") <= 5


async def test_nothing_is_committed_before_its_journal_entry_is_written(
    harness: OutboxHarness,
) -> None:
    one = harness.process()
    seen: list[str] = []

    async def look(call: Call) -> None:
        if call.name == "compare_and_set" and call.about[0].startswith("thing:"):
            tail = harness.state.peek(f"journal:things:{one.outbox.stream}")
            seen.extend(key for _, key, _ in tail["notes"] if key == call.about[0])

    one.state.faults.before.append(look)
    await one.make("a", "b", "c")
    assert sorted(seen) == ["thing:a", "thing:b", "thing:c"]


async def test_without_its_journal_entry_a_commit_does_not_happen(
    harness: OutboxHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.storage.commit.COMMIT_TIMEOUT", 0.02)
    one = harness.process()
    one.state.faults.fail("set", times=1000, error=Unavailable("down"))
    with pytest.raises(Unavailable):
        await one.make("a")
    assert harness.state.peek("thing:a") is None
    one.state.faults._faults.clear()
    await one.make("a")
    await one.published()
    assert harness.published() == {"a": 1}


async def test_a_document_without_event_data_is_not_published(harness: OutboxHarness) -> None:
    one = harness.process()
    one.outbox.publishes("thing", "thing.changed", lambda id, data: data if id == "open" else None)
    await one.make("open", "closed")
    await one.published()
    assert set(harness.published()) == {"open"}
    events, settled = await one.outbox.changes_since(one.outbox.stream, 0, 64)
    assert [event["subject"] for event in events] == ["open"]
    assert settled == 2


# ── crashes ─────────────────────────────────────────────────────────────────────────────────────


async def caught_up(process: Process, stream: str, after: int = 0) -> tuple[dict[str, int], int]:
    """What a new consumer gets by reading until nothing more is settled."""
    published: dict[str, int] = {}
    while True:
        events, settled = await process.outbox.changes_since(stream, after, 64)
        published |= {event["subject"]: event["data"]["n"] for event in events}
        heads = {head.stream: head.last for head in await process.outbox.heads()}
        if settled <= after or settled >= heads[stream]:
            return published, settled
        after = settled


@pytest.mark.parametrize(
    ("name", "about", "after", "committed"),
    [
        ("set", "journal:", False, False),
        ("set", "journal:", True, False),
        ("compare_and_set", "thing:b", False, False),
        ("compare_and_set", "thing:b", True, True),
    ],
    ids=["before-entry", "after-entry", "before-commit", "after-commit"],
)
async def test_a_crash_loses_nothing_that_was_committed(
    harness: OutboxHarness,
    later: Callable[[float], None],
    name: str,
    about: str,
    after: bool,
    committed: bool,
) -> None:
    one, two = harness.process(), harness.process()
    await one.make("a")
    await one.published()
    one.state.faults.crash(name, about=about, after=after)
    await dies(one, one.make("b"))
    later(20)
    await two.outbox.recover()
    expected = {"a": 1, "b": 1} if committed else {"a": 1}
    assert harness.published() == expected
    published, _ = await caught_up(two, one.outbox.stream)
    assert published == expected


# ── a document and its entry in one call ────────────────────────────────────────────────────────


@pytest.fixture(params=["sqlite", "redis"])
def pair(harness: OutboxHarness, request: pytest.FixtureRequest) -> tuple[Process, Process]:
    harness.state = FakeState(request.param)
    return harness.process(), harness.process()


async def test_a_change_is_written_with_its_entry_in_one_call(
    pair: tuple[Process, Process],
) -> None:
    one, _ = pair
    await one.make("a", "b")
    await one.published()
    one.state.faults.calls.clear()
    await one.make("a", "b")
    calls = [(call.name, call.about[-1]) for call in one.state.faults.calls]
    assert calls == [("get", "thing:a"), ("get", "thing:b"), ("transact", "thing:b")]
    await one.make("a", "b", *(f"t{n}" for n in range(100)))
    await one.make(*(f"t{n}" for n in range(100)))  # more than share a write
    things = await one.things.get_many(["a", "t0", "t99"])
    assert {id: thing.n for id, thing in things.items()} == {"a": 3, "t0": 2, "t99": 2}


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_in_that_call_leaves_both_or_neither(
    harness: OutboxHarness,
    pair: tuple[Process, Process],
    later: Callable[[float], None],
    after: bool,
) -> None:
    one, two = pair
    await one.make("a", "b")
    await one.published()
    one.state.faults.crash("transact", after=after)
    await dies(one, one.make("a", "b"))
    later(20)
    await two.outbox.recover()
    expected = dict.fromkeys("ab", 2 if after else 1)
    assert harness.published() == expected
    published, _ = await caught_up(two, one.outbox.stream)
    assert published == expected


@pytest.mark.parametrize("after", [False, True])
async def test_a_call_without_an_answer_is_repeated_and_counts_once(
    harness: OutboxHarness,
    pair: tuple[Process, Process],
    later: Callable[[float], None],
    after: bool,
) -> None:
    one, two = pair
    await one.make("a", "b")
    await one.published()
    one.broker.faults.crash("publish")
    one.state.faults.fail("transact", after=after)
    doomed = asyncio.ensure_future(one.make("a", "b"))
    dead = asyncio.ensure_future(one.broker.faults.dead.wait())
    await asyncio.wait([doomed, dead], return_when=asyncio.FIRST_COMPLETED)
    dead.cancel()
    await until(lambda: all(harness.state.peek(f"thing:{id}")["version"] == 2 for id in "ab"))
    one.kill()  # after the commit, so the entries are there for others
    later(20)
    await two.outbox.recover()
    assert harness.published() == {"a": 2, "b": 2}
    assert [harness.state.peek(f"thing:{id}")["data"]["n"] for id in "ab"] == [2, 2]
    doomed.cancel()


async def test_a_new_document_is_written_with_its_entry_where_the_store_checks_it(
    harness: OutboxHarness,
) -> None:
    harness.state = FakeState("sqlite")
    one, two = harness.process(), harness.process()
    await one.make("a")
    await one.published()
    one.state.faults.calls.clear()
    await one.things.update("b", lambda _: Thing(1), expect_absent=True)
    calls = [(call.name, call.about[-1]) for call in one.state.faults.calls]
    assert calls == [("transact", "thing:b")]
    await asyncio.gather(one.make("c"), two.make("c"))  # one of them finds the other's
    await one.published()
    await two.published()
    assert harness.published() == {"a": 1, "b": 1, "c": 2}


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_in_the_call_of_a_new_document_leaves_both_or_neither(
    harness: OutboxHarness, later: Callable[[float], None], after: bool
) -> None:
    harness.state = FakeState("sqlite")
    one, two = harness.process(), harness.process()
    await one.make("a")
    await one.published()
    one.state.faults.crash("transact", after=after)
    await dies(one, one.make("b", "c"))
    later(20)
    await two.outbox.recover()
    expected = {"a": 1, "b": 1, "c": 1} if after else {"a": 1}
    assert harness.published() == expected
    published, _ = await caught_up(two, one.outbox.stream)
    assert published == expected


async def test_a_conflict_concerns_its_own_document_only(
    harness: OutboxHarness, pair: tuple[Process, Process]
) -> None:
    one, two = pair
    await one.make("a", "b", "c")
    await one.published()

    async def meanwhile(call: Call) -> None:
        if call.name == "transact":
            one.state.faults.before.clear()
            await two.make("b")

    one.state.faults.before.append(meanwhile)
    await one.make("a", "b", "c")
    await one.published()
    await two.published()
    assert harness.published() == {"a": 2, "b": 3, "c": 2}
    assert harness.state.peek("thing:b")["version"] == 3
    for process in pair:  # every change is in a journal, under the number that it says
        stream = process.outbox.stream
        assert (await caught_up(process, stream))[1] == process.outbox.journal.sequence


async def test_a_document_that_the_store_refuses_stops_no_other(
    harness: OutboxHarness, pair: tuple[Process, Process]
) -> None:
    one, _ = pair
    await one.make("a", "b")
    await one.published()
    too_large = TooLarge("The request is larger than the sidecar accepts.")
    one.state.faults.fail("transact", error=too_large)
    one.state.faults.fail("compare_and_set", about="thing:b", nth=2, error=too_large)
    outcomes = await asyncio.gather(one.make("a"), one.make("b"), return_exceptions=True)
    assert isinstance(outcomes[1], TooLarge)
    await one.published()
    assert harness.published() == {"a": 2, "b": 1}


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_around_publishing_loses_nothing(
    harness: OutboxHarness, later: Callable[[float], None], after: bool
) -> None:
    one, two = harness.process(), harness.process()
    one.broker.faults.crash("publish", after=after)
    await dies(one, one.make("a", "b", "c"))
    assert harness.published() == ({"a": 1, "b": 1, "c": 1} if after else {})
    later(20)
    await two.outbox.recover()
    assert harness.published() == {"a": 1, "b": 1, "c": 1}
    published = len(harness.broker.events("things"))
    await two.outbox.recover()
    assert len(harness.broker.events("things")) == published


async def test_recovery_skips_a_process_that_may_be_alive(harness: OutboxHarness) -> None:
    one, two = harness.process(), harness.process()
    one.broker.faults.crash("publish")
    await dies(one, one.make("a"))
    assert await two.outbox.recover() == 0
    assert harness.published() == {}


async def test_a_recovery_that_dies_is_continued_by_another_process(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    one, two, three = harness.process(), harness.process(), harness.process()
    one.broker.faults.crash("publish")
    await dies(one, one.make(*(f"t{n}" for n in range(150))))
    later(20)
    two.broker.faults.crash("publish", nth=2)
    await dies(two, two.outbox.recover())
    await three.outbox.recover()
    assert len(harness.published()) == 150


# ── what consumers ask for ──────────────────────────────────────────────────────────────────────


async def test_heads_are_the_last_numbers_of_all_streams(harness: OutboxHarness) -> None:
    one, two = harness.process(), harness.process()
    assert await one.outbox.heads() == []
    await one.make("a", "b")
    await two.make("c")
    for process in (one, two):
        heads = {head.stream: head.last for head in await process.outbox.heads()}
        assert heads == {one.outbox.stream: 2, two.outbox.stream: 1}


async def test_streams_that_have_ended_are_known_and_not_read_again(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    ended, killed, other = [harness.process() for _ in range(3)]
    await ended.make("a", "b")
    await killed.make("c")
    await other.outbox.heads(0)
    assert await other.outbox.has_other_writers()
    await ended.outbox.close()
    later(journal.ENDED_AFTER + 1)
    await other.outbox.heads(0)
    other.state.faults.calls.clear()
    heads = {head.stream: head.last for head in await other.outbox.heads(0)}
    assert heads == {ended.outbox.stream: 2, killed.outbox.stream: 1}
    read = [key for call in other.state.faults.calls for key in call.about]
    assert read == ["streams:things", f"journal:things:{killed.outbox.stream}"]
    assert await other.outbox.has_other_writers()
    await killed.outbox.close()
    later(journal.ENDED_AFTER + 1)
    await other.outbox.heads(0)
    assert not await other.outbox.has_other_writers()


async def test_a_commit_after_the_stream_was_closed_is_not_lost(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    ending, other = harness.process(), harness.process()
    await ending.make("a")
    await ending.outbox.close()
    await other.outbox.heads(0)
    ending.broker.faults.fail("publish", times=100)
    await ending.make("b")
    ending.kill()
    later(journal.SETTLED_AFTER + 1)
    await other.outbox.heads(0)
    assert await other.outbox.recover() == 1
    assert harness.published() == {"a": 1, "b": 1}


async def test_a_write_that_is_the_first_of_its_process_is_finished_at_the_end(
    harness: OutboxHarness,
) -> None:
    one = harness.process()
    making = asyncio.ensure_future(one.make("a"))
    await until(lambda: one.outbox.journal.sequence == 1)
    await one.outbox.close()
    await making
    assert harness.state.peek("thing:a")


@pytest.mark.parametrize(
    "count", [1, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 3 * SEGMENT_SIZE + 7]
)
async def test_all_commits_can_be_read_from_any_number(
    harness: OutboxHarness, later: Callable[[float], None], count: int
) -> None:
    one, two = harness.process(), harness.process()
    for start in range(0, count, 10):
        await one.make(*(f"t{n}" for n in range(start, min(start + 10, count))))
    later(20)
    for asked in (one, two):
        for after in sorted(
            {0, 1, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, count - 1} & {*range(count)}
        ):
            published, settled = await caught_up(asked, one.outbox.stream, after)
            assert settled == count
            assert len(published) == count - after


async def test_an_undecided_commit_is_not_settled(harness: OutboxHarness) -> None:
    one = harness.process()
    gate = asyncio.Event()

    async def wait(call: Call) -> None:
        if call.about == ("thing:slow",) and call.name == "compare_and_set":
            await gate.wait()

    one.state.faults.before.append(wait)
    await one.make("a")
    slow = asyncio.ensure_future(one.make("slow"))
    await until(lambda: one.state.faults.calls[-1].about == ("thing:slow",))
    await one.make("b")
    events, settled = await one.outbox.changes_since(one.outbox.stream, 0, 64)
    assert {event["subject"] for event in events} == {"a", "b"}
    assert settled == 1
    gate.set()
    await slow
    _, settled = await one.outbox.changes_since(one.outbox.stream, 0, 64)
    assert settled == 3


async def test_an_unwritten_journal_entry_is_not_settled(harness: OutboxHarness) -> None:
    one = harness.process()
    await one.make("a")
    gate = asyncio.Event()

    async def wait(call: Call) -> None:
        if call.name == "set":
            await gate.wait()

    one.state.faults.before.append(wait)
    slow = asyncio.ensure_future(one.make("b"))
    await until(lambda: one.outbox.journal.sequence == 2)
    assert [head.last for head in await one.outbox.heads()] == [2]
    assert await one.outbox.changes_since(one.outbox.stream, 1, 64) == ([], 1)
    gate.set()
    await slow


async def test_a_commit_during_a_read_is_not_settled_without_its_event(
    harness: OutboxHarness,
) -> None:
    one = harness.process()
    await one.make("a")
    gate = asyncio.Event()

    async def wait(call: Call) -> None:
        if call.about == ("thing:b",) and call.name == "compare_and_set":
            await gate.wait()

    async def commit_now(call: Call) -> None:  # after the documents were read
        if "thing:b" in call.about and call.name == "get_many":
            gate.set()
            await asyncio.shield(slow)

    one.state.faults.before.append(wait)
    one.state.faults.after.append(commit_now)
    slow = asyncio.ensure_future(one.make("b"))
    await until(lambda: one.state.faults.count("compare_and_set") == 3)
    events, settled = await one.outbox.changes_since(one.outbox.stream, 0, 64)
    assert [event["subject"] for event in events] == ["a"]
    assert settled == 1


async def test_a_segment_that_fills_during_a_read_is_not_skipped(harness: OutboxHarness) -> None:
    one, two = harness.process(), harness.process()
    for n in range(SEGMENT_SIZE - 1):
        await one.make(f"t{n}")

    asked = two.state
    real = asked.get_many

    async def torn(keys: Any) -> Any:  # reads the segment too early and the tail too late
        if len(keys) == 2 and keys[0].endswith(":0"):
            before = await real(keys[:1])
            await one.make("x", "y", "z")
            return before | await real(keys[1:])
        return await real(keys)

    asked.get_many = torn  # type: ignore[method-assign]
    events, _ = await two.outbox.changes_since(one.outbox.stream, 0, 64)
    assert len(events) == SEGMENT_SIZE


async def test_journal_entries_of_another_process_settle_with_time(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    one, two = harness.process(), harness.process()
    await one.make("a")
    events, settled = await two.outbox.changes_since(one.outbox.stream, 0, 64)
    assert [event["subject"] for event in events] == ["a"]
    assert settled == 0
    later(20)
    _, settled = await two.outbox.changes_since(one.outbox.stream, 0, 64)
    assert settled == 1


async def test_an_unknown_outcome_is_settled_only_when_it_can_no_longer_commit(
    harness: OutboxHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.storage.commit.COMMIT_TIMEOUT", 0.02)
    monkeypatch.setattr("services.chassis.storage.commit.SETTLED_AFTER", 0.05)
    one = harness.process()
    await one.make("a")
    one.state.faults.fail("compare_and_set", about="thing:b", times=1000, after=True)
    one.state.faults.fail("get", about="thing:b", nth=2, times=1000)
    with pytest.raises(Exception, match=r"not reachable|lost answer"):
        await one.make("b")
    events, settled = await one.outbox.changes_since(one.outbox.stream, 0, 64)
    assert {event["subject"] for event in events} == {"a", "b"}
    assert settled == 1
    async with asyncio.timeout(30):
        while settled < 2:
            await asyncio.sleep(0.01)
            _, settled = await one.outbox.changes_since(one.outbox.stream, 0, 64)


@pytest.mark.parametrize("expired", [1, 2, 4, 5])
async def test_expired_journal_segments_are_skipped_and_no_other(
    harness: OutboxHarness, later: Callable[[float], None], expired: int
) -> None:
    one, two = harness.process(), harness.process()
    full, more = 5, 7
    for _ in range(full):
        await one.make(*(f"t{n}" for n in range(SEGMENT_SIZE)))
    await one.make(*(f"u{n}" for n in range(more)))
    for segment in range(expired):
        await harness.state.delete(f"journal:things:{one.outbox.stream}:{segment}")
    later(20)
    for asked in (one, two):
        for after in (0, 1, SEGMENT_SIZE - 1, SEGMENT_SIZE):
            published, settled = await caught_up(asked, one.outbox.stream, after)
            kept = SEGMENT_SIZE if expired < full else 0
            assert len(published) == kept + more
            assert settled == full * SEGMENT_SIZE + more
        events, _ = await asked.outbox.changes_since(one.outbox.stream, 0, 64)
        assert len(events) == (SEGMENT_SIZE if expired < full else more)


async def test_ten_thousand_expired_segments_cost_a_few_reads(harness: OutboxHarness) -> None:
    one, two = harness.process(), harness.process()
    await one.make("a")
    segments = 10_000
    last = segments * SEGMENT_SIZE + 1
    tail = {"segment": segments, "notes": [[last, "thing:a", 0]], "published": last, "at": 0}
    await harness.state.set("journal:things:old", tail)
    two.state.faults.calls.clear()
    events, settled = await two.outbox.changes_since("old", 0, 64)
    assert [event["subject"] for event in events] == ["a"]
    assert settled == last
    assert two.state.faults.count("get") <= 14  # 2 ** 14 > 10,000


async def test_a_long_lived_stream_stays_registered(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    one = harness.process()
    await one.make("a")
    for _ in range(9):
        later(24 * 3600 + 60)
        await one.make("a")
    two = harness.process()
    await two.make("b")
    assert one.outbox.stream in harness.state.peek("streams:things")
    later(8 * 24 * 3600)
    for process in (one, two):  # the fake lets nothing expire
        await harness.state.delete(process.outbox.journal.tail_key(process.outbox.stream))
    three = harness.process()
    await three.make("c")
    assert list(harness.state.peek("streams:things")) == [three.outbox.stream]


async def test_a_stream_whose_tail_is_kept_stays_registered(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    """As after a restore: no time passes for keys in a backup, and consumers still have to fetch
    what was on its way."""
    one = harness.process()
    await one.make("a")
    later(8 * 24 * 3600)
    two = harness.process()
    await two.make("b")
    assert set(harness.state.peek("streams:things")) == {one.outbox.stream, two.outbox.stream}


# ── the broker ──────────────────────────────────────────────────────────────────────────────────


async def test_an_unavailable_broker_delays_events_but_no_commit(harness: OutboxHarness) -> None:
    one = harness.process()
    harness.broker.down = True
    await one.make(*(f"t{n}" for n in range(30)))
    await one.make("t1")
    assert one.outbox.backlog == 31
    harness.broker.down = False
    await one.published()
    assert harness.published() == {f"t{n}": 2 if n == 1 else 1 for n in range(30)}


async def test_a_full_backlog_drops_its_oldest_events(
    harness: OutboxHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MAX_BACKLOG", 10)
    one = harness.process()
    harness.broker.down = True
    await one.make(*(f"t{n}" for n in range(30)))
    assert one.outbox.backlog == 10
    harness.broker.down = False
    await one.published()
    published, _ = await caught_up(one, one.outbox.stream)
    assert len(published) == 30


async def test_closing_publishes_and_writes_what_is_left(
    harness: OutboxHarness, later: Callable[[float], None]
) -> None:
    one, two = harness.process(), harness.process()
    await one.make("a", "b", "c")
    await one.outbox.close()
    assert len(harness.published()) == 3
    assert harness.state.peek(f"journal:things:{one.outbox.stream}")["published"] == 3
    later(20)
    assert await two.outbox.recover() == 0


async def test_a_process_that_wrote_nothing_leaves_no_stream(harness: OutboxHarness) -> None:
    await harness.process().outbox.close()
    assert harness.state.keys("streams:") == harness.state.keys("journal:") == []


async def test_replicas_that_start_together_all_register(harness: OutboxHarness) -> None:
    processes = [harness.process() for _ in range(6)]
    await asyncio.gather(*(process.make(f"t{n}") for n, process in enumerate(processes)))
    registry = harness.state.peek("streams:things")
    assert set(registry) == {process.outbox.stream for process in processes}
