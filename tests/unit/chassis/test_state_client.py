"""Calls to the state store share calls of the sidecar, and succeed and fail one by one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from services.chassis.dapr.state import ABSENT, StateStore, StateUpsert, VersionConflict
from services.chassis.dapr.state_client import MAX_SHARED_WRITES, StateClient
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.errors import OutcomeUnknown
from services.chassis.publishing.outbox import Outbox
from services.chassis.storage.collection import Collection
from tests.fakes import FakeBroker, FakeState


class SidecarWithState(StateClient):
    """A client of a sidecar whose store is a fake; `calls` are the paths and numbers of keys."""

    def __init__(self, state: FakeState) -> None:
        super().__init__(0)
        self.state = state
        self.calls: list[tuple[str, int]] = []
        self.fails = 0

    async def _call(
        self, method: str, path: str, *, data: bytes | None = None, **_: Any
    ) -> InvocationResponse:
        body = orjson.loads(data) if data else None
        what = path.removeprefix("/state/statestore").lstrip("/")
        self.calls.append((_name(method, what), _count(body)))
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise OutcomeUnknown("no answer")
        try:
            answer, etag = await self._answer(method, what, body)
        except VersionConflict as conflict:
            raise _as_told(conflict) from conflict
        return InvocationResponse(200, answer, {"Etag": etag})

    async def _answer(self, method: str, what: str, body: Any) -> tuple[bytes, str]:
        state = self.state
        if method == "DELETE":
            await state.delete(unquote(what))
        elif method == "GET":
            entry = await state.get(unquote(what))
            return b"" if entry == ABSENT else orjson.dumps(entry.value), entry.etag
        elif what == "bulk":
            found = await state.get_many(body["keys"])
            rows = [{"key": k, "data": e.value, "etag": e.etag} for k, e in found.items()]
            return orjson.dumps(rows), ""
        elif what == "transaction":
            requests = [operation["request"] for operation in body["operations"]]
            for operation in body["operations"]:
                if operation["operation"] == "delete":
                    await state.delete(operation["request"]["key"])
            await state.transact(
                [
                    StateUpsert(
                        request["key"],
                        request["value"],
                        request.get("etag", ""),
                        is_new=_is_creation(request),
                    )
                    for request in requests
                    if "value" in request
                ]
            )
        else:
            outcomes = await asyncio.gather(*map(self._save_one, body), return_exceptions=True)
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
        return b"", ""

    async def _save_one(self, item: dict[str, Any]) -> None:
        if item["options"]["concurrency"] == "first-write":
            await self.state.compare_and_set(item["key"], item["value"], etag=item.get("etag", ""))
        else:
            await self.state.set(item["key"], item["value"])


def _replaced(_: int | None, by: int) -> int:
    return by


def _is_creation(request: dict[str, Any]) -> bool:
    concurrency = request.get("options", {}).get("concurrency")
    return concurrency == "first-write" and "etag" not in request


def _as_told(conflict: VersionConflict) -> OutcomeUnknown:
    return OutcomeUnknown(f"failed: possible etag mismatch. {conflict.message}")


def _name(method: str, what: str) -> str:
    return what if what in ("bulk", "transaction") else {"POST": "save"}.get(method, method)


def _count(body: Any) -> int:
    items = body.get("keys") or body.get("operations") if isinstance(body, dict) else body
    return len(items) if items else 1


@pytest.fixture(params=["sqlite", "redis"])
async def sidecar(request: pytest.FixtureRequest) -> SidecarWithState:
    """A client that has tried already whether its store creates in transactions."""
    made = SidecarWithState(FakeState(request.param))
    await made.can_create_in_transactions()
    made.calls.clear()
    return made


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_a_store_is_tried_once_and_nothing_is_left(kind: str) -> None:
    sidecar = SidecarWithState(FakeState(kind))
    answers = await asyncio.gather(*(sidecar.can_create_in_transactions() for _ in range(5)))
    assert set(answers) == {await sidecar.state.can_create_in_transactions()}
    assert sidecar.calls == [("save", 1), ("transaction", 1), ("DELETE", 1)]
    assert not sidecar.state.keys()


async def test_a_store_without_an_answer_is_tried_again() -> None:
    sidecar = SidecarWithState(FakeState("sqlite"))
    sidecar.fails = 1
    assert not await sidecar.can_create_in_transactions()
    assert await sidecar.can_create_in_transactions()


async def test_creations_at_the_same_time_are_one_call(sidecar: SidecarWithState) -> None:
    await asyncio.gather(*(sidecar.compare_and_set(f"k:{n}", n, etag="") for n in range(9)))
    checks = await sidecar.can_create_in_transactions()
    assert sidecar.calls == [("transaction" if checks else "save", 9)]
    assert [sidecar.state.peek(f"k:{n}") for n in range(9)] == list(range(9))


async def test_a_creation_of_what_exists_is_a_conflict_and_stops_no_other(
    sidecar: SidecarWithState,
) -> None:
    await sidecar.compare_and_set("k:5", "old", etag="")
    collection = Collection(sidecar, "k", int)
    created = await asyncio.gather(
        *(collection.update(str(n), lambda kept: kept or 7, expect_absent=True) for n in range(4)),
        sidecar.compare_and_set("k:5", "new", etag=""),
        return_exceptions=True,
    )
    assert created[:4] == [7] * 4
    assert isinstance(created[4], VersionConflict)
    assert sidecar.state.peek("k:5") == "old"
    assert [sidecar.state.peek(f"k:{n}")["version"] for n in range(4)] == [1] * 4


async def test_swaps_overwrites_and_small_transactions_are_one_call(
    sidecar: SidecarWithState,
) -> None:
    for key in "abc":
        await sidecar.compare_and_set(key, "old", etag="")
    read = await sidecar.get_many(["a", "b", "c"])
    sidecar.calls.clear()
    await asyncio.gather(
        sidecar.compare_and_set("a", "new", etag=read["a"].etag),
        sidecar.transact(
            [StateUpsert("b", "new", read["b"].etag), StateUpsert("c", "new", read["c"].etag)]
        ),
        sidecar.set("plain", "new", ttl=60),
    )
    assert sidecar.calls == [("transaction", 4)]
    assert [sidecar.state.peek(key) for key in ("a", "b", "c", "plain")] == ["new"] * 4
    sidecar.calls.clear()
    await asyncio.gather(*map(sidecar.delete, "abc"))
    assert sidecar.calls == [("transaction", 3)]
    assert sidecar.state.keys() == ["plain"]


async def test_documents_with_and_without_events_are_written_in_one_call() -> None:
    sidecar = SidecarWithState(FakeState("sqlite"))
    outbox = Outbox("told", "me", sidecar, FakeBroker()).publishes("told", "told.changed")
    told, untold = Collection(sidecar, "told", int, outbox=outbox), Collection(sidecar, "k", int)
    for number in (1, 2):  # the first writes also try the store, and register the stream
        sidecar.calls.clear()
        write = partial(_replaced, by=number)
        await asyncio.gather(untold.update("1", write), told.update("1", write))
    assert sidecar.calls == [("bulk", 2), ("transaction", 3)]
    await outbox.close()


async def test_of_writes_of_one_key_the_first_wins(sidecar: SidecarWithState) -> None:
    tries = [sidecar.compare_and_set("k", n, etag="") for n in range(12)]
    created = await asyncio.gather(
        *tries, sidecar.compare_and_set("other", 0, etag=""), return_exceptions=True
    )
    assert created[0] is None
    assert all(isinstance(outcome, VersionConflict) for outcome in created[1:12])
    etag = (await sidecar.get("k")).etag
    other = (await sidecar.get("other")).etag
    swapped = await asyncio.gather(
        *(sidecar.compare_and_set("k", n, etag=etag) for n in (100, 101)),
        sidecar.compare_and_set("other", 1, etag=other),
        return_exceptions=True,
    )
    assert swapped[0] is None
    assert isinstance(swapped[1], VersionConflict)
    assert swapped[2] is None
    assert sidecar.state.peek("k") == 100


async def test_a_conflict_that_cannot_be_looked_into_is_told_to_its_own_caller(
    sidecar: SidecarWithState,
) -> None:
    for key in "ab":
        await sidecar.compare_and_set(key, "old", etag="")
    read = await sidecar.get_many(["a", "b"])
    await sidecar.state.compare_and_set("b", "newer", etag=read["b"].etag)
    sidecar.state.faults.fail("get_many")
    outcomes = await asyncio.gather(
        *(sidecar.compare_and_set(key, "new", etag=read[key].etag) for key in "ab"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], VersionConflict)
    assert outcomes[0] is None or isinstance(outcomes[0], VersionConflict)
    assert sidecar.state.peek("a") == "new"


async def test_a_conflict_is_that_of_its_own_caller(sidecar: SidecarWithState) -> None:
    for key in "abc":
        await sidecar.compare_and_set(key, "old", etag="")
    read = await sidecar.get_many(["a", "b", "c"])
    await sidecar.state.compare_and_set("b", "newer", etag=read["b"].etag)
    outcomes = await asyncio.gather(
        sidecar.compare_and_set("a", "new", etag=read["a"].etag),
        sidecar.compare_and_set("b", "new", etag=read["b"].etag),
        sidecar.set("plain", "new"),
        sidecar.delete("c"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], VersionConflict)
    assert list(outcomes[2:]) == [None, None]
    # Some stores have written the others in the call that failed: the repeat is a conflict.
    assert outcomes[0] is None or isinstance(outcomes[0], VersionConflict)
    assert [sidecar.state.peek(key) for key in ("a", "b", "c", "plain")] == [
        "new",
        "newer",
        None,
        "new",
    ]


async def test_a_large_transaction_shares_no_call(sidecar: SidecarWithState) -> None:
    writes = [StateUpsert(f"k:{n}", n) for n in range(MAX_SHARED_WRITES + 1)]
    await asyncio.gather(sidecar.transact(writes), sidecar.set("other", 1), sidecar.set("one", 1))
    assert sorted(sidecar.calls) == [("transaction", 2), ("transaction", MAX_SHARED_WRITES + 1)]


async def test_a_call_without_an_answer_has_no_known_outcome_for_all(
    sidecar: SidecarWithState,
) -> None:
    sidecar.fails = 1
    outcomes = await asyncio.gather(
        sidecar.set("a", 1), sidecar.set("b", 1), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2


async def test_a_lone_write_is_a_save(sidecar: SidecarWithState) -> None:
    store: StateStore = sidecar
    await store.set("a", 1)
    await store.compare_and_set("b", 1, etag="")
    await store.transact([StateUpsert("c", 1), StateUpsert("d", 1)])
    await store.delete("c")
    assert sidecar.calls == [("save", 1), ("save", 1), ("transaction", 2), ("DELETE", 1)]


async def test_a_conflict_costs_a_few_calls_however_many_share_one(
    sidecar: SidecarWithState,
) -> None:
    collection = Collection(sidecar, "k", int)
    ids = [str(n) for n in range(40)]
    old, new = ids[:20], ids[20:]
    await asyncio.gather(*(collection.update(id, lambda _: 1, expect_absent=True) for id in old))
    known = await collection.load_many(old)
    await Collection(sidecar.state, "k", int).update("5", lambda _: 2)
    sidecar.calls.clear()
    await asyncio.gather(
        *(collection.update(id, lambda n: (n or 0) + 1, known=known[id]) for id in old)
    )
    assert len(sidecar.calls) <= 24
    assert await collection.get_many(old) == dict.fromkeys(old, 2) | {"5": 3}
    sidecar.calls.clear()
    await asyncio.gather(
        *(collection.update(id, lambda n: n or 9, expect_absent=True) for id in ["5", *new])
    )
    assert len(sidecar.calls) <= 24
    assert await collection.get_many(["5", *new]) == dict.fromkeys(new, 9) | {"5": 3}
