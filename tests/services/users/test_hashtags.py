"""Followed hashtags."""

from __future__ import annotations

import pytest

from services.users.domain.followed_tags import MAX_FOLLOWED_TAGS
from tests.services.users.harness import UsersDeployment


async def test_hashtags_are_followed_and_listed_newest_first(users: UsersDeployment) -> None:
    anna, ben = await users.new_user("anna"), await users.new_user("ben")
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


async def test_the_newest_followed_hashtags_are_published(users: UsersDeployment) -> None:
    anna = await users.new_user("anna")
    await anna.post("/tags/sea/follow")
    await anna.post("/tags/harbour/follow")
    await anna.post("/tags/sea/unfollow")
    await users.cluster.settle()
    published = [event["data"] for event in users.cluster.broker.events("followed-tags")]
    assert published[-1] == {"account": anna.id, "tags": ["harbour"]}


async def test_the_number_of_followed_hashtags_is_limited(users: UsersDeployment) -> None:
    anna = await users.new_user("anna")
    for number in range(MAX_FOLLOWED_TAGS):
        await anna.post(f"/tags/t{number}/follow")
    refused = await anna.ask("POST", "/tags/another/follow")
    assert refused.status == 422
    assert (await anna.post("/tags/t0/follow"))["following"] is True


@pytest.mark.parametrize("name", ["a b", "a:b", "#a", "x" * 101])
async def test_an_invalid_hashtag_is_rejected(users: UsersDeployment, name: str) -> None:
    anna = await users.new_user("anna")
    answer = await anna.ask("POST", f"/tags/{name.replace('#', '%23')}/follow")
    assert answer.status == 422
    assert (await anna.get("/tags"))["tags"] == []
