"""Hashtags one follows, and the census, among fakes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.users.application.statistics import StatisticsService
from services.users.domain.followed_tags import MAX_FOLLOWED_TAGS
from services.users.repository import Repository
from tests.fakes import Running, World
from tests.services.users.world import Person, start


class Town:
    """The users service and people."""

    def __init__(self, world: World, users: Running) -> None:
        self.world, self.users = world, users

    async def person(self, username: str) -> Person:
        return await Person.registered(self.world, self.users, username)

    async def posted(self, person: Person, total: int, *, version: int, last: str = "") -> None:
        event = {
            "specversion": "1.0",
            "id": f"posts.counted:{person.id}@{version}",
            "source": "posts",
            "type": "posts.counted",
            "subject": person.id,
            "stream": "s",
            "sequence": version,
            "entityversion": version,
            "data": {"account": person.id, "total": total, "last_post": last},
        }
        await self.world.broker.publish("author-counts", [event])

    async def statistics(self) -> dict[str, Any]:
        """As a replica that has counted nothing yet would say."""
        await self.world.settle()
        return await StatisticsService(Repository(self.users.service)).statistics()


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with World() as world:
        yield Town(world, await start(world))


async def test_hashtags_are_followed_and_listed_newest_first(town: Town) -> None:
    anna, ben = await town.person("anna"), await town.person("ben")
    for name in ("sea", "hafen", "東京", "sea"):
        assert await anna.post(f"/tags/{name}/follow") == {"name": name, "following": True}
    await ben.post("/tags/sea/follow")
    assert (await anna.get("/tags"))["tags"] == ["東京", "hafen", "sea"]
    first = await anna.get("/tags", limit="2")
    assert (await anna.get("/tags", max_id=first["ids"][-1]))["tags"] == ["sea"]
    await anna.post("/tags/sea/unfollow")
    await anna.post("/tags/sea/unfollow")
    assert (await anna.get("/tags"))["tags"] == ["東京", "hafen"]
    assert (await ben.get("/tags"))["tags"] == ["sea"]


async def test_the_newest_state_of_ones_hashtags_is_told(town: Town) -> None:
    anna = await town.person("anna")
    await anna.post("/tags/sea/follow")
    await anna.post("/tags/harbour/follow")
    await anna.post("/tags/sea/unfollow")
    await town.world.settle()
    told = [event["data"] for event in town.world.broker.events("followed-tags")]
    assert told[-1] == {"account": anna.id, "tags": ["harbour"]}


async def test_no_more_hashtags_are_followed_than_a_document_shall_hold(town: Town) -> None:
    anna = await town.person("anna")
    for number in range(MAX_FOLLOWED_TAGS):
        await anna.post(f"/tags/t{number}/follow")
    refused = await anna.ask("POST", "/tags/another/follow")
    assert refused.status == 422
    assert (await anna.post("/tags/t0/follow"))["following"] is True


@pytest.mark.parametrize("name", ["a b", "a:b", "#a", "x" * 101])
async def test_what_is_no_hashtag_is_not_followed(town: Town, name: str) -> None:
    anna = await town.person("anna")
    answer = await anna.ask("POST", f"/tags/{name.replace('#', '%23')}/follow")
    assert answer.status == 422
    assert (await anna.get("/tags"))["tags"] == []


@pytest.mark.parametrize("seed", range(4))
async def test_numbers_are_exact_at_rest_whatever_was_repeated_or_reordered(
    town: Town, seed: int
) -> None:
    people = [await town.person(f"person{n}") for n in range(5)]
    dice = random.Random(seed)  # noqa: S311
    town.world.broker.copies = 2
    town.world.broker.hold()
    posted: set[str] = set()
    totals = {person.id: 0 for person in people}
    for version in range(1, 30):
        person = dice.choice(people)
        totals[person.id] = dice.randrange(50)
        posted.add(person.id)
        await town.posted(person, totals[person.id], version=version, last=person.id)
    town.world.broker.release(seed=seed)
    found = await town.statistics()
    assert (found["users"], found["posts"]) == (5, sum(totals.values()))
    assert found["active_month"] == found["active_half_year"] == len(posted)
    assert found["weeks"][0]["registrations"] == 5
    assert [week["registrations"] for week in found["weeks"][1:]] == [0] * 11


@pytest.mark.parametrize("seed", range(4))
async def test_a_count_may_come_before_the_person(town: Town, seed: int) -> None:
    town.world.broker.hold()
    people = [await town.person(f"person{n}") for n in range(3)]
    for person in people:
        for version in (1, 2):
            await town.posted(person, version, version=version, last=person.id)
    town.world.broker.release(seed=seed)
    found = await town.statistics()
    assert (found["users"], found["posts"]) == (3, 6)


async def test_who_is_gone_is_not_counted(town: Town) -> None:
    anna, ben = await town.person("anna"), await town.person("ben")
    await town.posted(anna, 3, version=1, last=anna.id)
    await anna.post("/tags/sea/follow")
    assert (await town.statistics())["posts"] == 3
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
    await town.world.broker.publish("logins", [event])
    found = await town.statistics()
    assert (found["users"], found["posts"]) == (1, 0)
    told = [e["data"] for e in town.world.broker.events("followed-tags")]
    assert told[-1] == {"account": anna.id, "tags": []}
    assert [a["profile"]["username"] for a in await ben.get("/directory", order="new")] == ["ben"]


async def test_the_directory_has_who_wants_to_be_found_by_either_order(town: Town) -> None:
    anna, ben, cid, dan = [await town.person(name) for name in ("anna", "ben", "cid", "dan")]
    for version, person in enumerate((ben, anna, dan), 1):
        await town.posted(person, 1, version=version, last=f"{120 + version}000000000000000")
    await cid.ask("PATCH", "/accounts/me", json={"discoverable": False})
    await dan.does("block", ben)
    await town.world.settle()

    async def names(**asked: str) -> list[str]:
        return [a["profile"]["username"] for a in await ben.get("/directory", **asked)]

    assert await names() == ["anna", "ben"]
    assert await names(order="new") == ["ben", "anna"]
    assert await names(order="new", offset="2", limit="1") == ["anna"]


async def test_statistics_are_for_the_gateway(town: Town) -> None:
    answer = await town.users.call("GET", "/statistics", caller="feed")
    assert answer.status == 403
    assert (await town.users.call("GET", "/statistics")).status == 200
