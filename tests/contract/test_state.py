"""What the chassis requires of a state store."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.state import ABSENT, StateUpsert, VersionConflict
from services.chassis.errors import ServiceError, TooLarge
from services.chassis.publishing.journal import COMMIT_TIMEOUT
from services.chassis.storage.collection import Collection
from tests.contract.systems import SystemUnderTest, await_value


@pytest.fixture
def key() -> str:
    return f"contract:{secrets.token_hex(6)}"


async def test_what_is_saved_is_read_with_an_etag(sidecar: DaprClient, key: str) -> None:
    assert await sidecar.get(key) == ABSENT
    value = {"text": "Größe 🌻", "rows": [["1", None], ["2", True]], "n": 2**53, "x": 0.5}
    await sidecar.compare_and_set(key, value, etag="")
    entry = await sidecar.get(key)
    assert entry.value == value
    assert entry.etag


async def test_a_swap_with_the_present_etag_wins_and_gives_a_new_one(
    sidecar: DaprClient, key: str
) -> None:
    await sidecar.compare_and_set(key, 1, etag="")
    first = await sidecar.get(key)
    await sidecar.compare_and_set(key, 2, etag=first.etag)
    second = await sidecar.get(key)
    assert second.value == 2
    assert second.etag != first.etag


async def test_a_swap_with_a_stale_etag_is_a_conflict_and_changes_nothing(
    sidecar: DaprClient, key: str
) -> None:
    await sidecar.compare_and_set(key, 1, etag="")
    stale = (await sidecar.get(key)).etag
    await sidecar.compare_and_set(key, 2, etag=stale)
    with pytest.raises(VersionConflict):
        await sidecar.compare_and_set(key, 3, etag=stale)
    assert (await sidecar.get(key)).value == 2


async def test_create_if_absent_is_a_conflict_where_the_key_is_there(
    sidecar: DaprClient, key: str
) -> None:
    await sidecar.compare_and_set(key, 1, etag="")
    with pytest.raises(VersionConflict):
        await sidecar.compare_and_set(key, 2, etag="")
    etag = (await sidecar.get(key)).etag
    await sidecar.compare_and_set(key, 3, etag=etag)
    await sidecar.transact([StateUpsert(key, 4, (await sidecar.get(key)).etag)])
    with pytest.raises(VersionConflict):
        await sidecar.compare_and_set(key, 5, etag="")
    assert (await sidecar.get(key)).value == 4


async def test_a_transaction_creates_only_what_is_absent(sidecar: DaprClient, key: str) -> None:
    if not await sidecar.can_create_in_transactions():
        pytest.skip("Transactions of this store do not check that a key is absent.")
    new = [StateUpsert(f"{key}:{n}", n, is_new=True) for n in range(12)]
    await sidecar.transact(new)
    found = await sidecar.get_many([upsert.key for upsert in new])
    assert [found[upsert.key].value for upsert in new] == [*range(12)]
    with pytest.raises(VersionConflict):
        await sidecar.transact(
            [StateUpsert(f"{key}:other", 1), StateUpsert(f"{key}:3", "again", is_new=True)]
        )
    assert await sidecar.get(f"{key}:other") == ABSENT
    assert (await sidecar.get(f"{key}:3")).value == 3
    with pytest.raises(VersionConflict):  # alone, without a transaction
        await sidecar.transact([StateUpsert(f"{key}:3", "again", is_new=True)])


async def test_of_many_who_create_one_wins(sidecar: DaprClient, key: str) -> None:
    tries = [sidecar.compare_and_set(key, n, etag="") for n in range(12)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    won = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert len(won) == 1
    assert all(isinstance(outcome, VersionConflict) for outcome in outcomes if outcome is not None)
    assert (await sidecar.get(key)).value == won[0]


async def test_put_overwrites(sidecar: DaprClient, key: str) -> None:
    await sidecar.set(key, {"n": 1})
    await sidecar.set(key, {"n": 2})
    assert (await sidecar.get(key)).value == {"n": 2}


async def test_a_deleted_key_is_absent_and_may_be_deleted_again(
    sidecar: DaprClient, key: str
) -> None:
    await sidecar.compare_and_set(key, 1, etag="")
    await sidecar.delete(key)
    await sidecar.delete(key)
    assert await sidecar.get(key) == ABSENT
    await sidecar.compare_and_set(key, 2, etag="")
    assert (await sidecar.get(key)).value == 2


async def test_a_bulk_get_leaves_out_what_is_not_there(sidecar: DaprClient, key: str) -> None:
    await asyncio.gather(
        *(sidecar.compare_and_set(f"{key}:{n}", {"n": n}, etag="") for n in range(0, 60, 2))
    )
    keys = [f"{key}:{n}" for n in range(60)]
    found = await sidecar.get_many([*keys, *keys[:3]])
    assert {k: entry.value["n"] for k, entry in found.items()} == {
        f"{key}:{n}": n for n in range(0, 60, 2)
    }
    assert found[keys[2]].etag == (await sidecar.get(keys[2])).etag
    assert await sidecar.get_many([]) == {}


async def test_a_transaction_writes_all(sidecar: DaprClient, key: str) -> None:
    await sidecar.compare_and_set(f"{key}:0", 0, etag="")
    etag = (await sidecar.get(f"{key}:0")).etag
    await sidecar.transact(
        [
            StateUpsert(f"{key}:0", "new", etag),
            *(StateUpsert(f"{key}:{n}", n) for n in range(1, 50)),
        ]
    )
    found = await sidecar.get_many([f"{key}:{n}" for n in range(50)])
    assert [found[f"{key}:{n}"].value for n in range(50)] == ["new", *range(1, 50)]
    assert found[f"{key}:0"].etag != etag


async def test_a_transaction_with_a_stale_etag_is_a_conflict_and_spares_its_key(
    sidecar: DaprClient, key: str
) -> None:
    await asyncio.gather(*(sidecar.compare_and_set(f"{key}:{n}", "old", etag="") for n in range(3)))
    docs = await sidecar.get_many([f"{key}:{n}" for n in range(3)])
    await sidecar.compare_and_set(f"{key}:1", "newer", etag=docs[f"{key}:1"].etag)
    with pytest.raises(VersionConflict):
        await sidecar.transact([StateUpsert(k, "new", entry.etag) for k, entry in docs.items()])
    after = {k: e.value for k, e in (await sidecar.get_many(list(docs))).items()}
    assert after[f"{key}:1"] == "newer"
    # The others may be written or not: that is the one thing that stores do not agree upon.
    assert after[f"{key}:0"] in ("old", "new")


async def test_swaps_at_the_same_time_succeed_and_fail_one_by_one(
    sidecar: DaprClient, key: str
) -> None:
    keys = [f"{key}:{n}" for n in range(12)]
    await asyncio.gather(*(sidecar.compare_and_set(k, "old", etag="") for k in keys))
    read = await sidecar.get_many(keys)
    await sidecar.compare_and_set(keys[5], "newer", etag=read[keys[5]].etag)
    outcomes = await asyncio.gather(
        *(sidecar.compare_and_set(k, "new", etag=read[k].etag) for k in keys),
        return_exceptions=True,
    )
    assert isinstance(outcomes[5], VersionConflict)
    after = {k: entry.value for k, entry in (await sidecar.get_many(keys)).items()}
    assert after == dict.fromkeys(keys, "new") | {keys[5]: "newer"}
    # Where a store has written the others in the failed call, each was repeated, and a conflict:
    # the caller reads again, and finds its own value.
    assert all(isinstance(outcome, VersionConflict | None) for outcome in outcomes)


async def test_creations_at_the_same_time_succeed_and_fail_one_by_one(
    sidecar: DaprClient, key: str
) -> None:
    keys = [f"{key}:{n}" for n in range(12)]
    await sidecar.compare_and_set(keys[5], "old", etag="")
    outcomes = await asyncio.gather(
        *(sidecar.compare_and_set(k, "new", etag="") for k in keys), return_exceptions=True
    )
    assert isinstance(outcomes[5], VersionConflict)
    after = {k: entry.value for k, entry in (await sidecar.get_many(keys)).items()}
    assert after == dict.fromkeys(keys, "new") | {keys[5]: "old"}
    # The others were written by the failed call: the caller reads again, and finds its own value.
    assert all(isinstance(outcome, VersionConflict | None) for outcome in outcomes)


async def test_writes_of_all_kinds_at_the_same_time(sidecar: DaprClient, key: str) -> None:
    swapped, deleted, set_, *both = (f"{key}:{n}" for n in range(5))
    await asyncio.gather(
        *(sidecar.compare_and_set(k, "old", etag="") for k in (swapped, deleted, *both))
    )
    read = await sidecar.get_many([swapped, *both])
    await asyncio.gather(
        sidecar.compare_and_set(swapped, "new", etag=read[swapped].etag),
        sidecar.transact([StateUpsert(k, "new", read[k].etag) for k in both]),
        sidecar.set(set_, "new"),
        sidecar.delete(deleted),
    )
    found = await sidecar.get_many([swapped, deleted, set_, *both])
    assert {k: entry.value for k, entry in found.items()} == dict.fromkeys(
        [swapped, set_, *both], "new"
    )


async def test_reads_at_the_same_time_get_values_of_their_own(
    sidecar: DaprClient, key: str
) -> None:
    await sidecar.compare_and_set(key, {"rows": [1]}, etag="")
    one, two, absent, many = await asyncio.gather(
        sidecar.get(key),
        sidecar.get(key),
        sidecar.get(f"{key}:absent"),
        sidecar.get_many([key, f"{key}:absent"]),
    )
    assert one == two == many[key]
    assert absent == ABSENT
    assert list(many) == [key]
    one.value["rows"].append(2)
    assert two.value == many[key].value == {"rows": [1]}


async def test_what_has_a_time_to_live_is_gone_after_it(
    system: SystemUnderTest, sidecar: DaprClient, key: str
) -> None:
    if not system.is_real:
        pytest.skip("the fakes keep everything")
    keys = [f"{key}:put", f"{key}:save", f"{key}:shared", f"{key}:later"]
    await sidecar.set(keys[0], 1, ttl=2)
    await asyncio.gather(  # in one transaction
        sidecar.set(keys[2], 1, ttl=2), sidecar.set(keys[3], 1, ttl=600)
    )
    await sidecar.compare_and_set(keys[1], 1, etag="", ttl=2)
    assert len(await sidecar.get_many(keys)) == 4
    await await_value(lambda: sidecar.get_many(keys), lambda found: list(found) == keys[3:])
    assert await sidecar.get(keys[0]) == ABSENT
    await _create_again(sidecar, keys[1])


async def _create_again(sidecar: DaprClient, key: str) -> None:
    """Create an expired key. Some stores refuse that for a moment; a commit repeats it."""

    async def create() -> bool:
        with suppress(VersionConflict):
            await sidecar.compare_and_set(key, 2, etag="")
        return (await sidecar.get(key)) != ABSENT

    await await_value(create, bool, within=COMMIT_TIMEOUT)


async def test_a_large_value_is_kept_whole(sidecar: DaprClient, key: str) -> None:
    value = {"text": "ü" * 500_000, "digits": secrets.token_hex(24_000)}
    await sidecar.compare_and_set(key, value, etag="")
    assert (await sidecar.get(key)).value == value
    assert (await sidecar.get_many([key]))[key].value == value


async def test_what_is_too_large_is_refused(
    system: SystemUnderTest, sidecar: DaprClient, key: str
) -> None:
    if not system.is_real:
        pytest.skip("the fakes take everything")
    large = "x" * (25 * 2**20)

    async def refusal() -> type[Exception]:
        with pytest.raises(ServiceError) as refused:
            await sidecar.compare_and_set(key, large, etag="")
        return refused.type

    # On a busy machine the deadline of a call may end before its 25 MB have arrived.
    await await_value(refusal, lambda kind: kind is TooLarge)
    assert await sidecar.get(key) == ABSENT


@pytest.mark.parametrize("odd", ["a:b:c", "größe", "日本", "a b", "a/b", "a?b#c", "a%2Fb", "a+b"])
async def test_keys_are_kept_apart_whatever_is_in_them(
    sidecar: DaprClient, key: str, odd: str
) -> None:
    await sidecar.compare_and_set(f"{key}:{odd}", odd, etag="")
    assert (await sidecar.get(f"{key}:{odd}")).value == odd
    assert (await sidecar.get_many([f"{key}:{odd}"]))[f"{key}:{odd}"].value == odd
    await sidecar.delete(f"{key}:{odd}")
    assert await sidecar.get(f"{key}:{odd}") == ABSENT


async def test_apps_do_not_see_one_anothers_keys(system: SystemUnderTest, key: str) -> None:
    async with system.sidecar("alpha") as alpha, system.sidecar("beta") as beta:
        await alpha.compare_and_set(key, "alpha's", etag="")
        assert await beta.get(key) == ABSENT
        await beta.compare_and_set(key, "beta's", etag="")
        assert (await alpha.get(key)).value == "alpha's"


@dataclass(frozen=True)
class Tally:
    count: int = 0
    by: tuple[str, ...] = ()


def signed(tally: Tally | None, by: str) -> Tally:
    tally = tally or Tally()
    return Tally(tally.count + 1, (*tally.by, by))


async def test_concurrent_updates_of_many_processes_lose_nothing(
    system: SystemUnderTest, key: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(system.sidecar()) for _ in range(4)]
        # Four writers of each process are decided together; processes fight for the swap.
        collections = [Collection(client, key.replace(":", "-"), Tally) for client in clients]

        async def write(writer: int) -> None:
            for n in range(20):
                sign = partial(signed, by=f"{writer}.{n}")
                await collections[writer % 4].update("one", sign)

        await asyncio.gather(*(write(writer) for writer in range(16)))
        tally = await collections[0].get("one")
        assert tally is not None
        assert tally.count == 16 * 20
        assert len(set(tally.by)) == 16 * 20
