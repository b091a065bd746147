"""Statistics of the instance, and the directory."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.ids import utc_now
from services.users.application.statistics import StatisticsService
from services.users.domain.statistics import (
    SHARDS,
    AccountStatistics,
    AuthorPostCount,
    InstanceStatistics,
    StatisticsShard,
    former_shard_key,
    shard_key,
)
from services.users.repository import Repository
from tests.services.users.harness import UsersDeployment, UserSession, receive_login


async def post_count(
    users: UsersDeployment, user: UserSession, total: int, *, version: int, last: str = ""
) -> None:
    event = {
        "specversion": "1.0",
        "id": f"posts.counted:{user.id}@{version}",
        "source": "posts",
        "type": "posts.counted",
        "subject": user.id,
        "stream": "s",
        "sequence": version,
        "entityversion": version,
        "data": {"account": user.id, "total": total, "last_post": last},
    }
    await users.cluster.broker.publish("author-counts", [event])


async def statistics(users: UsersDeployment) -> dict[str, Any]:
    """The statistics of a replica without a cache."""
    await users.cluster.settle()
    return await StatisticsService(Repository(users.replica.service)).statistics()


@pytest.mark.parametrize("seed", range(4))
async def test_statistics_are_exact_at_rest_after_repeated_and_reordered_events(
    users: UsersDeployment, seed: int
) -> None:
    accounts = [await users.new_user(f"person{n}") for n in range(5)]
    dice = random.Random(seed)  # noqa: S311
    users.cluster.broker.copies = 2
    users.cluster.broker.hold()
    posted: set[str] = set()
    totals = {user.id: 0 for user in accounts}
    for version in range(1, 30):
        user = dice.choice(accounts)
        totals[user.id] = dice.randrange(50)
        posted.add(user.id)
        await post_count(users, user, totals[user.id], version=version, last=user.id)
    users.cluster.broker.release(seed=seed)
    found = await statistics(users)
    assert (found["users"], found["posts"]) == (5, sum(totals.values()))
    assert found["active_month"] == found["active_half_year"] == len(posted)
    assert found["weeks"][0]["registrations"] == 5
    assert [week["registrations"] for week in found["weeks"][1:]] == [0] * 11


@pytest.mark.parametrize("seed", range(4))
async def test_a_post_count_may_arrive_before_the_account(
    users: UsersDeployment, seed: int
) -> None:
    users.cluster.broker.hold()
    accounts = [await users.new_user(f"person{n}") for n in range(3)]
    for user in accounts:
        for version in (1, 2):
            await post_count(users, user, version, version=version, last=user.id)
    users.cluster.broker.release(seed=seed)
    found = await statistics(users)
    assert (found["users"], found["posts"]) == (3, 6)


async def test_a_deleted_account_is_not_counted(users: UsersDeployment) -> None:
    anna, ben = await users.new_user("anna"), await users.new_user("ben")
    await post_count(users, anna, 3, version=1, last=anna.id)
    await anna.post("/tags/sea/follow")
    assert (await statistics(users))["posts"] == 3
    event = {
        "specversion": "1.0",
        "id": "login.registered:1@2",
        "source": "auth",
        "type": "login.registered",
        "subject": anna.id,
        "stream": "s",
        "sequence": 9,
        "entityversion": 2,
        "data": {
            "user_id": anna.id,
            "username": "anna",
            "created_at": "2026-01-01T00:00:00.000Z",
            "deleted": True,
        },
    }
    await users.cluster.broker.publish("logins", [event])
    found = await statistics(users)
    assert (found["users"], found["posts"]) == (1, 0)
    published = [e["data"] for e in users.cluster.broker.events("followed-tags")]
    assert published[-1] == {"account": anna.id, "tags": []}
    assert [a["profile"]["username"] for a in await ben.get("/directory", order="new")] == ["ben"]


async def test_the_directory_lists_discoverable_accounts_in_both_orders(
    users: UsersDeployment,
) -> None:
    anna, ben, cid, dan = [await users.new_user(name) for name in ("anna", "ben", "cid", "dan")]
    for version, user in enumerate((ben, anna, dan), 1):
        await post_count(users, user, 1, version=version, last=f"{120 + version}000000000000000")
    await cid.ask("PATCH", "/accounts/me", json={"discoverable": False})
    await dan.act("block", ben)
    await users.cluster.settle()

    async def names(**asked: str) -> list[str]:
        return [a["profile"]["username"] for a in await ben.get("/directory", **asked)]

    assert await names() == ["anna", "ben"]
    assert await names(order="new") == ["ben", "anna"]
    assert await names(order="new", offset="2", limit="1") == ["anna"]


async def test_a_post_count_takes_one_read_and_two_writes(users: UsersDeployment) -> None:
    anna = await users.new_user("anna")
    await post_count(users, anna, 1, version=1, last=anna.id)
    await users.cluster.settle()
    before = users.calls()
    await post_count(users, anna, 2, version=2, last=anna.id)
    await users.cluster.settle()
    assert users.calls() - before == 3
    assert (await statistics(users))["posts"] == 2


async def test_accounts_that_one_process_of_auth_made_are_in_many_shards(
    users: UsersDeployment,
) -> None:
    ids = [str(int(user.id) + (n << 16)) for user in [await users.new_user("a")] for n in range(64)]
    assert len({former_shard_key(id) for id in ids}) == 1
    assert len({shard_key(id) for id in ids}) == 64


@pytest.mark.parametrize("deleted", [False, True])
async def test_the_record_of_an_earlier_release_moves(
    users: UsersDeployment, *, deleted: bool
) -> None:
    anna = UserSession(users.cluster, users.replica, "anna")
    while former_shard_key(anna.id) == shard_key(anna.id):
        anna = UserSession(users.cluster, users.replica, "anna")
    shards = Repository(users.replica.service).statistics
    earlier = StatisticsShard({anna.id: AccountStatistics(7, anna.id, counted=7)})
    await shards.update(former_shard_key(anna.id), lambda _: earlier)
    found = await statistics(users)
    assert (found["users"], found["posts"]) == (1, 7)
    await receive_login(users.replica, anna, 1, deleted=deleted)
    await post_count(users, anna, 8, version=8, last=anna.id)
    found = await statistics(users)
    assert (found["users"], found["posts"]) == ((0, 0) if deleted else (1, 8))
    stored = await shards.get_many(map(str, range(SHARDS)))
    holding = [shard for shard, kept in stored.items() if anna.id in kept.lines]
    assert holding == ([] if deleted else [shard_key(anna.id)])


def test_an_account_that_was_read_earlier_keeps_the_newer_post_count() -> None:
    counted = StatisticsShard({"1": AccountStatistics()}).with_post_count(
        "1", AuthorPostCount(5, "9", version=2)
    )
    read_before = AccountStatistics(4, "8", listed=False, counted=1)
    assert counted.with_account("1", read_before).lines == {
        "1": AccountStatistics(5, "9", listed=False, counted=2)
    }


@pytest.mark.parametrize("hidden", [0, 1])
def test_nobody_is_listed_whom_one_of_two_records_hides(*, hidden: int) -> None:
    """A replica of the release before knows the former record only."""
    records = [AccountStatistics(4, "8", counted=1), AccountStatistics(5, "9", counted=2)]
    records[hidden] = replace(records[hidden], listed=False)
    shards = [StatisticsShard({"1": record}) for record in records]
    found = InstanceStatistics.of(shards, utc_now())
    assert (found.users, found.posts) == (1, 5)
    assert found.newest == found.active == ()


async def test_only_the_gateway_reads_statistics(users: UsersDeployment) -> None:
    answer = await users.replica.call("GET", "/statistics", caller="feed")
    assert answer.status == 403
    assert (await users.replica.call("GET", "/statistics")).status == 200
