from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.chassis import telemetry
from services.chassis.dapr.state import VersionConflict
from services.chassis.errors import Invalid, OutcomeUnknown, Unavailable
from services.chassis.publishing.outbox import Outbox
from services.chassis.storage import collection, commit
from services.chassis.storage.collection import Collection
from tests.fakes import Call, FakeBroker, FakeState, until


@dataclass(frozen=True)
class Tally:
    count: int = 0
    by: tuple[str, ...] = ()


def signed(by: str) -> Callable[[Tally | None], Tally]:
    return lambda t: Tally((t.count if t else 0) + 1, (*(t.by if t else ()), by))


@pytest.fixture
def state() -> FakeState:
    return FakeState()


@pytest.fixture
def tallies(state: FakeState) -> Collection[Tally]:
    return Collection(state, "tally", Tally)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "COMMIT_TIMEOUT", 0.05)


async def test_a_document_is_created_changed_and_read(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    assert await tallies.get("a") is None
    assert await tallies.update("a", signed("x")) == Tally(1, ("x",))
    assert await tallies.update("a", signed("y")) == Tally(2, ("x", "y"))
    assert await tallies.get_many(["a", "b"]) == {"a": Tally(2, ("x", "y"))}
    assert state.peek("tally:a")["version"] == 2
    doc = await tallies.load("a")
    assert doc is not None
    assert doc.version == 2


async def test_concurrent_updates_are_decided_together_and_lose_nothing(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    results = await asyncio.gather(*(tallies.update("a", signed(str(n))) for n in range(50)))
    tally = await tallies.get("a")
    assert tally is not None
    assert tally.count == 50
    assert [result.count for result in results if result] == list(range(1, 51))
    assert state.faults.count("compare_and_set") <= 2


async def test_concurrent_updates_of_replicas_lose_nothing(state: FakeState) -> None:
    replicas = [Collection(state.replica(), "tally", Tally) for _ in range(4)]
    work = [replicas[n % 4].update("a", signed(str(n))) for n in range(40)]
    await asyncio.gather(*work)
    tally = await replicas[0].get("a")
    assert tally is not None
    assert sorted(tally.by, key=int) == [str(n) for n in range(40)]


@pytest.mark.parametrize("unchanged", [lambda t: t, lambda t: None, lambda t: replace(t)])
async def test_a_decision_that_changes_nothing_writes_nothing(
    state: FakeState, tallies: Collection[Tally], unchanged: Any
) -> None:
    await tallies.update("a", signed("x"))
    state.faults.calls.clear()
    assert await tallies.update("a", unchanged) == Tally(1, ("x",))
    assert [call.name for call in state.faults.calls] == ["get"]


async def test_a_lost_swap_is_decided_again_on_the_winning_version(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    other = Collection(state.replica(), "tally", Tally)

    async def meanwhile(call: Call) -> None:
        if call.name == "compare_and_set":
            state.faults.before.clear()
            await other.update("a", signed("other"))

    state.faults.before.append(meanwhile)
    assert await tallies.update("a", signed("me")) == Tally(2, ("other", "me"))


async def test_expect_absent_saves_the_read_and_yields_to_an_existing_document(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    await tallies.update("a", signed("x"), expect_absent=True)
    assert state.faults.count("get") == 0
    assert await tallies.update("a", signed("y"), expect_absent=True) == Tally(2, ("x", "y"))


async def test_a_known_document_saves_the_read_and_yields_to_a_newer_version(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    await tallies.update("a", signed("x"))
    seen = await tallies.load("a")
    state.faults.calls.clear()
    assert await tallies.update("a", signed("y"), known=seen) == Tally(2, ("x", "y"))
    assert [call.name for call in state.faults.calls] == ["compare_and_set"]
    assert await tallies.update("a", signed("z"), known=seen) == Tally(3, ("x", "y", "z"))


def large_tallies(state: FakeState, broker: FakeBroker) -> Collection[Tally]:
    """Tallies that have an event from a count of two on."""
    outbox = Outbox("tallies", "me", state, broker).publishes("tally", "tally.changed")
    return Collection(
        state, "tally", Tally, outbox=outbox, publishes_if=lambda tally: tally.count > 1
    )


async def test_a_value_without_an_event_has_no_entry_in_the_journal(state: FakeState) -> None:
    broker = FakeBroker()
    tallies = large_tallies(state, broker)
    await tallies.update("a", signed("x"), expect_absent=True)
    assert [call.name for call in state.faults.calls] == ["compare_and_set"]
    assert [*state.keys("journal:")] == []
    await tallies.update("a", signed("y"))
    await until(lambda: broker.events("tallies"))
    (event,) = broker.events("tallies")
    assert (event["sequence"], event["entityversion"], event["data"]["count"]) == (1, 2, 2)


async def test_a_value_that_gets_an_event_after_a_conflict_is_recorded_first(
    state: FakeState,
) -> None:
    broker = FakeBroker()
    tallies = large_tallies(state, broker)
    await Collection(state.replica(), "tally", Tally).update("a", signed("other"))
    journals: list[list[str]] = []

    async def note(call: Call) -> None:
        if call.name == "transact":
            journals.append([key for key in call.about if key.startswith("journal:")])

    state.faults.before.append(note)
    assert await tallies.update("a", signed("me"), expect_absent=True) == Tally(2, ("other", "me"))
    assert len(journals) == 1
    assert journals[0]
    await until(lambda: broker.events("tallies"))


async def test_a_process_remembers_its_commits_of_published_documents(
    state: FakeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_MAX_REMEMBERED_COMMITS", 2)
    outbox = Outbox("tallies", "me", state, FakeBroker()).publishes("tally", "tally.changed")
    published = Collection(state, "tally", Tally, outbox=outbox)
    assert not published.has_newer_local_commit("a", 1)
    await published.update("a", signed("x"))
    assert not published.has_newer_local_commit("a", 1)
    await published.update("a", signed("y"))
    assert published.has_newer_local_commit("a", 1)
    assert not published.has_newer_local_commit("a", 2)
    for other in ("b", "c"):
        await published.update(other, signed("z"))
    assert not published.has_newer_local_commit("a", 1), "it is only remembered for some time"


async def test_a_commit_with_a_lost_answer_is_recognized_and_not_repeated(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    state.faults.fail("compare_and_set", after=True)
    assert await tallies.update("a", signed("x")) == Tally(1, ("x",))
    assert state.faults.count("compare_and_set") == 1
    assert await tallies.get("a") == Tally(1, ("x",))


async def test_a_commit_reported_as_a_conflict_is_recognized(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    state.faults.fail(
        "compare_and_set", after=True, error=VersionConflict("a broken connection, really")
    )
    assert await tallies.update("a", signed("x")) == Tally(1, ("x",))


async def test_a_write_without_effect_is_repeated(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    state.faults.fail("compare_and_set")
    state.faults.fail("compare_and_set", nth=2, error=OutcomeUnknown("lost on the way there"))
    assert await tallies.update("a", signed("x")) == Tally(1, ("x",))


@pytest.mark.parametrize("did_commit", [True, False])
async def test_a_document_changed_by_others_after_a_lost_answer_is_not_decided_again(
    state: FakeState, tallies: Collection[Tally], did_commit: bool
) -> None:
    """The caller gets `OutcomeUnknown`, which is better than an effect that happens twice."""
    other = Collection(state.replica(), "tally", Tally)
    await other.update("a", signed("first"))

    async def meanwhile(call: Call) -> None:
        if call.name == "compare_and_set":
            state.faults.before.clear()
            state.faults.after.clear()
            await other.update("a", signed("other"))
            if not did_commit:
                await other.update("a", signed("another"))
            raise OutcomeUnknown("lost answer")

    hooks = state.faults.after if did_commit else state.faults.before
    hooks.append(meanwhile)
    with pytest.raises(OutcomeUnknown):
        await tallies.update("a", signed("me"))
    tally = await tallies.get("a")
    assert tally is not None
    assert tally.by.count("me") == (1 if did_commit else 0)


async def test_a_lost_answer_and_one_change_by_another_process_mean_that_ours_failed(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    other = Collection(state.replica(), "tally", Tally)

    async def meanwhile(call: Call) -> None:
        if call.name == "compare_and_set":
            state.faults.before.clear()
            await other.update("a", signed("other"))
            raise OutcomeUnknown("lost on the way there")

    state.faults.before.append(meanwhile)
    assert await tallies.update("a", signed("me")) == Tally(2, ("other", "me"))


@pytest.mark.usefixtures("hasty")
async def test_an_unknown_outcome_stays_unknown_when_the_store_goes_away(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    state.faults.fail("compare_and_set", after=True)
    state.faults.fail("get", nth=2, times=1000)
    with pytest.raises(OutcomeUnknown):
        await tallies.update("a", signed("x"))


@pytest.mark.usefixtures("hasty")
async def test_a_conflict_says_nothing_when_the_store_goes_away(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    conflict = VersionConflict("of another key of the call")  # this one is written
    state.faults.fail("compare_and_set", after=True, error=conflict)
    state.faults.fail("get", nth=2, times=1000)
    with pytest.raises(OutcomeUnknown):
        await tallies.update("a", signed("x"))


async def test_a_write_that_conflicted_at_the_deadline_is_found(
    state: FakeState, tallies: Collection[Tally], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "COMMIT_TIMEOUT", 0.0)
    conflict = VersionConflict("of another key of the call")
    state.faults.fail("compare_and_set", after=True, error=conflict)
    assert await tallies.update("a", signed("x")) == Tally(1, ("x",))


@pytest.mark.usefixtures("hasty")
async def test_an_unavailable_store_means_that_nothing_happened(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    for error in (Unavailable("down"), OutcomeUnknown("no answer to a read")):
        state.faults.fail("get", times=1000, error=error)
        with pytest.raises(Unavailable):
            await tallies.update("a", signed("x"))
        state.faults._faults.clear()
    assert await tallies.update("a", signed("y")) == Tally(1, ("y",))


@pytest.mark.usefixtures("hasty")
async def test_a_swap_that_is_always_lost_ends_after_the_timeout(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    state.faults.fail("compare_and_set", times=1000, error=VersionConflict("lost"))
    async with asyncio.timeout(30):
        with pytest.raises(VersionConflict):
            await tallies.update("a", signed("x"))


async def test_an_exception_of_one_decision_reaches_only_its_caller(
    tallies: Collection[Tally],
) -> None:
    def refuse(_: Tally | None) -> Tally:
        raise Invalid("not so")

    results = await asyncio.gather(
        *(tallies.update("a", decide) for decide in (signed("x"), refuse, signed("y"))),
        return_exceptions=True,
    )
    assert isinstance(results[1], Invalid)
    assert results[0] == Tally(1, ("x",))
    assert results[2] == Tally(2, ("x", "y"))


async def test_a_cancelled_caller_does_not_cancel_the_others(
    state: FakeState, tallies: Collection[Tally]
) -> None:
    gate = asyncio.Event()

    async def wait(call: Call) -> None:
        if call.name == "compare_and_set":
            await gate.wait()

    state.faults.before.append(wait)
    leaving = asyncio.ensure_future(tallies.update("a", signed("leaving")))
    staying = asyncio.ensure_future(tallies.update("a", signed("staying")))
    await until(lambda: state.faults.count("compare_and_set"))
    leaving.cancel()
    gate.set()
    result = await staying
    assert result is not None
    assert "staying" in result.by
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await tallies.update("a", signed("later"))


async def test_old_documents_are_upgraded_step_by_step(state: FakeState) -> None:
    await Collection(state, "tally", dict).update("a", lambda _: {"n": 7})
    upgrades = {1: lambda d: {"number": d["n"]}, 2: lambda d: {"count": d["number"], "by": ["old"]}}
    lifted = Collection(state, "tally", Tally, upgrades=upgrades)
    assert await lifted.get("a") == Tally(7, ("old",))
    await lifted.update("a", signed("new"))
    assert state.peek("tally:a")["schema"] == 3
    assert await lifted.get("a") == Tally(8, ("old", "new"))


async def test_a_change_has_the_trace_of_its_caller(state: FakeState) -> None:
    outbox = Outbox("tallies", "me", state, FakeBroker()).publishes("tally", "tally.changed")
    tallies = Collection(state, "tally", Tally, outbox=outbox)
    gate = asyncio.Event()

    async def wait(call: Call) -> None:
        if call.about == ("tally:a",) and call.name == "compare_and_set":
            await gate.wait()

    async def ask(by: str) -> str:
        trace = telemetry.start_trace({}).traceparent
        await tallies.update("a", signed(by))
        return trace

    state.faults.before.append(wait)
    first = asyncio.ensure_future(ask("first"))
    await until(lambda: any("tally:a" in call.about for call in state.faults.calls[1:]))
    second = asyncio.ensure_future(ask("second"))
    await asyncio.sleep(0)
    gate.set()
    await first
    trace = await second
    assert state.peek("tally:a")["change"]["traceparent"] == trace
    await outbox.close()


async def test_a_private_document_can_be_deleted(tallies: Collection[Tally]) -> None:
    await tallies.update("a", signed("x"))
    await tallies.delete("a")
    assert await tallies.get("a") is None
