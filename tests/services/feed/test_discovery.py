"""Hashtags and trends, with fakes, whatever happens to the events."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.chassis.errors import ServiceError
from services.feed.app import create_app as feed_app
from services.feed.application.trends import TrendTracker
from services.feed.repository import Repository
from services.posts.app import create_app as posts_app
from services.users.app import create_app as users_app
from tests.fakes import FakeCluster
from tests.fakes.faults import Call, Faults
from tests.services.feed.test_timelines import FeedHarness, start


class Place(FeedHarness):
    """A harness with requests for hashtags and trends."""

    trends: TrendTracker

    async def written(self) -> None:
        await self.cluster.settle()
        await self.trends.flush()

    async def hashtags(self, q: str, **params: str) -> list[str]:
        return [use["name"] for use in await self.ask("GET", "/hashtags", q=q, **params)]

    async def tag(self, who: str, name: str, verb: str = "follow") -> None:
        await self._ok(self.users, "POST", f"/tags/{name}/{verb}", who)

    async def like(self, who: str, post: str) -> None:
        await self._ok(self.posts, "POST", f"/posts/{post}/favourite", who)

    async def trending_posts(self, reader: str = "", **params: str) -> list[str]:
        page = await self._ok(self.feed, "GET", "/trends/posts", reader, params=params)
        return [view["post"]["id"] for view in page["views"]]

    async def history(self, name: str) -> list[dict[str, int]]:
        answer = await self.feed.call("POST", "/hashtags", json={"names": [name]})
        assert answer.status == 200, answer.text
        found: list[dict[str, int]] = answer.json()[0]["history"]
        return found

    async def trending(self, **params: str) -> list[str]:
        return [use["name"] for use in await self.ask("GET", "/trends/hashtags", **params)]

    async def ask(self, method: str, path: str, **params: str) -> Any:
        answer = await self.feed.call(method, path, params=params)
        assert answer.status == 200, answer.text
        return answer.json()


def reads(faults: Faults) -> list[Call]:
    """Return the reads of a request, without those of publishing and consuming."""
    others = ("streams:", "journal:", "recovered:", "inbox:")
    own = [call for call in faults.calls if not call.about[0].startswith(others)]
    return [call for call in own if call.name in ("get", "get_many")]


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Trends are flushed only by the test."""
    trackers: list[TrendTracker] = []

    def create_tracker(repository: Repository) -> TrendTracker:
        trackers.append(TrendTracker(repository))
        return trackers[-1]

    monkeypatch.setattr("services.feed.app.FLUSH_INTERVAL", 3_600)
    monkeypatch.setattr("services.feed.app.TrendTracker", create_tracker)
    async with FakeCluster() as cluster:
        place = Place(
            cluster,
            await start(cluster, "users", users_app),
            await start(cluster, "posts", posts_app),
            await start(cluster, "feed", feed_app),
        )
        (place.trends,) = trackers
        yield place


async def test_a_hashtags_week_is_counted_by_use_and_by_account(place: Place) -> None:
    ann, ben = await place.person(), await place.person()
    gone = await place.post(ann, "one #sea")
    await place.post(ann, "two #sea #sun")
    await place.post(ben, "three #SEA")
    await place.post(ben, "hidden #sea", visibility="private")
    await place.delete(ann, gone)
    await place.cluster.settle()
    week = await place.history("sea")
    assert [(day["uses"], day["accounts"]) for day in week] == [(2, 2)] + [(0, 0)] * 6
    assert all(week[n]["day"] - week[n + 1]["day"] == 86_400 for n in range(6))
    assert (await place.history("nobody"))[0] == week[0] | {"uses": 0, "accounts": 0}


async def test_many_uses_cost_one_state_call_more(place: Place) -> None:
    ann = await place.person()
    for number in range(150):
        await place.post(ann, f"number {number} #sea")
    await place.cluster.settle()
    calls = place.feed.sidecar.state.faults
    calls.calls.clear()
    assert (await place.history("sea"))[0]["uses"] == 150
    assert len(reads(calls)) <= 2


async def test_hashtags_are_found_by_how_they_begin(place: Place) -> None:
    ann = await place.person()
    for text in ("#sea", "#seaside #sean", "#season #zoo", "#東京タワー"):
        await place.post(ann, text)
    gone = await place.post(ann, "#seagull")
    await place.delete(ann, gone)
    await place.cluster.settle()
    assert await place.hashtags("sea") == ["sea", "sean", "season", "seaside"]
    assert await place.hashtags("seas") == ["season", "seaside"]
    assert await place.hashtags("東") == ["東京タワー"]
    assert await place.hashtags("sea", limit="2", offset="1") == ["sean", "season"]
    assert await place.hashtags("seasons") == await place.hashtags("x") == []


async def test_a_hashtag_is_found_beside_more_of_its_kind_than_a_bucket_holds(
    place: Place,
) -> None:
    ann = await place.person()
    for start_at in range(0, 240, 24):
        await place.post(ann, " ".join(f"#tag{n:03d}" for n in range(start_at, start_at + 24)))
    await place.cluster.settle()
    assert await place.hashtags("tag239") == ["tag239"]
    assert len(await place.hashtags("tag", limit="40")) == 40


async def test_what_most_people_use_trends(place: Place) -> None:
    people = [await place.person() for _ in range(4)]
    for person in people:
        await place.post(person, "look #big")
        await place.post(person, "look #hidden", visibility="unlisted")
    for person in people[:2]:
        await place.post(person, "look #small")
    for _ in range(9):
        await place.post(people[0], "look #mine")
    await place.written()
    assert await place.trending() == ["big", "small"]
    assert await place.trending(offset="1", limit="5") == ["small"]


async def test_deleted_posts_make_no_trend(place: Place) -> None:
    ann, ben = await place.person(), await place.person()
    made = [(person, await place.post(person, "#oops")) for person in (ann, ben)]
    await place.cluster.settle()
    for person, post in made:
        await place.delete(person, post)
    await place.written()
    assert await place.trending() == []


async def test_a_repeated_event_makes_no_trend_larger(place: Place) -> None:
    ann, ben = await place.person(), await place.person()
    place.cluster.broker.copies = 3
    await place.post(ann, "#once")
    await place.post(ben, "#twice")
    await place.post(ann, "#twice")
    await place.written()
    await place.written()
    assert await place.trending() == ["twice"]


async def test_uses_that_cannot_be_written_are_written_later(place: Place) -> None:
    ann, ben = await place.person(), await place.person()
    await place.post(ann, "#sea")
    await place.post(ben, "#sea")
    await place.cluster.settle()
    faults = place.feed.sidecar.state.faults
    trends = place.trends
    faults.fail("get", about="trend:", error=ServiceError("no"))
    with pytest.raises(ServiceError):
        await trends.flush()
    await trends.flush()
    assert await place.trending() == ["sea"]


async def test_posts_with_a_followed_hashtag_are_at_home(place: Place) -> None:
    ann, ben, cid = [await place.person() for _ in range(3)]
    before = await place.post(ann, "before #sea")
    await place.tag(ben, "sea")
    await place.tag(ben, "sun")
    both = await place.post(ann, "both #sea #sun")
    other = await place.post(cid, "other #Sun")
    await place.post(cid, "neither #zoo")
    await place.post(cid, "quiet #sea", visibility="unlisted")
    await place.post(cid, "for friends #sea", visibility="private")
    await place.cluster.settle()
    assert await place.home(ben) == [other, both, before]
    assert await place.home(ben, limit=2) == [other, both]
    assert await place.home(ben, max_id=both) == [before]
    assert await place.home(ben, min_id=before) == [other, both]

    await place.follow(ben, cid, "mute")
    await place.cluster.settle()
    assert await place.home(ben) == [both, before]
    await place.tag(ben, "sea", "unfollow")
    await place.tag(ben, "sun", "unfollow")
    await place.cluster.settle()
    assert await place.home(ben) == []


@pytest.mark.parametrize("why", ["mute", "block", "blocked"])
async def test_a_followed_hashtag_brings_nobody_who_is_hidden(place: Place, why: str) -> None:
    ann, ben, cid = [await place.person() for _ in range(3)]
    await place.tag(ben, "sea")
    await place.post(ann, "#sea")
    other = await place.post(cid, "#sea")
    await (place.follow(ann, ben, "block") if why == "blocked" else place.follow(ben, ann, why))
    await place.cluster.settle()
    assert await place.home(ben) == [other]


async def test_a_followed_hashtag_shows_what_became_of_its_posts(place: Place) -> None:
    ann, ben = await place.person(), await place.person()
    await place.tag(ben, "sea")
    gone, kept = await place.post(ann, "gone #sea"), await place.post(ann, "kept #sea")
    changed = await place.post(ann, "changed #sea")
    await place.delete(ann, gone)
    await place._ok(place.posts, "PUT", f"/posts/{changed}", ann, json={"text": "no more"})
    await place.cluster.settle()
    assert await place.home(ben) == [kept]


async def test_a_post_of_somebody_followed_with_a_followed_hashtag_is_there_once(
    place: Place,
) -> None:
    ann, ben = await place.person(), await place.person()
    await place.follow(ben, ann)
    await place.tag(ben, "sea")
    post = await place.post(ann, "#sea")
    plain = await place.post(ann, "plain")
    await place.cluster.settle()
    assert await place.home(ben) == [plain, post]


@pytest.mark.parametrize("seed", range(4))
async def test_late_and_repeated_events_of_followed_hashtags_end_the_same(
    place: Place, seed: int
) -> None:
    ann, ben = await place.person(), await place.person()
    posts = {tag: await place.post(ann, f"#{tag}") for tag in ("sea", "sun", "sky")}
    await place.cluster.settle()
    place.cluster.broker.copies = 2
    place.cluster.broker.hold()
    dice = random.Random(seed)  # noqa: S311
    followed: set[str] = set()
    for _ in range(12):
        tag = dice.choice(list(posts))
        verb = "unfollow" if tag in followed else "follow"
        await place.tag(ben, tag, verb)
        followed ^= {tag}
    place.cluster.broker.release(seed=seed)
    await place.cluster.settle()
    assert await place.home(ben) == sorted((posts[tag] for tag in followed), reverse=True)


async def test_a_home_costs_one_state_call_more_with_hashtags_and_none_without(
    place: Place,
) -> None:
    ann, ben = await place.person(), await place.person()
    for number in range(30):
        await place.tag(ann, f"tag{number}")
        await place.post(ben, f"#tag{number}")
    await place.cluster.settle()
    calls = place.feed.sidecar.state.faults

    async def cost(reader: str) -> int:
        calls.calls.clear()
        await place.home(reader)
        return len(reads(calls))

    assert await cost(ben) <= 2
    assert await cost(ann) <= 3


async def test_a_hashtags_timeline_is_widened_and_narrowed_by_others(place: Place) -> None:
    ann = await place.person()
    sea = await place.post(ann, "#sea")
    sun = await place.post(ann, "#sun")
    both = await place.post(ann, "#sea #sun")
    sky = await place.post(ann, "#sea #sky")
    await place.cluster.settle()

    async def found(**more: str) -> list[str]:
        return await place.timeline("tags/sea", **more)

    assert await found() == [sky, both, sea]
    assert await found(or_with="sun") == [sky, both, sun, sea]
    assert await found(with_all="sun") == [both]
    assert await found(with_none="sun,sky") == [sea]
    assert await found(or_with="sun", with_none="sky", limit="2") == [both, sun]
    assert await found(or_with="sun", max_id=both) == [sun, sea]


async def test_posts_that_many_react_to_trend(place: Place) -> None:
    ann, *fans = [await place.person() for _ in range(5)]
    liked, talked, alone, secret = [
        await place.post(ann, text, visibility=visibility)
        for text, visibility in (
            ("a", "public"),
            ("b", "public"),
            ("c", "public"),
            ("d", "unlisted"),
        )
    ]
    for fan in fans:
        await place.like(fan, liked)
        await place.like(fan, secret)
    for fan in fans[:2]:
        await place.post(fan, "indeed", in_reply_to_id=talked)
        await place.like(fan, talked)
    await place.post(ann, "my own", in_reply_to_id=alone)
    await place.like(ann, alone)
    await place.like(fans[0], alone)
    await place.written()
    assert await place.trending_posts() == [liked, talked]
    assert await place.trending_posts(offset="1") == [talked]

    await place.follow(fans[0], ann, "block")
    await place.delete(ann, talked)
    await place.cluster.settle()
    assert await place.trending_posts() == [liked]
    assert await place.trending_posts(fans[0]) == []


async def test_ones_own_posts_are_found_by_their_words(place: Place) -> None:
    ann, ben = await place.person(), await place.person()
    tide = await place.post(ann, "Low tide at the Café #sea", visibility="private")
    high = await place.post(ann, "High tide", spoiler_text="low")
    await place.post(ben, "low tide")
    await place.cluster.settle()

    async def found(who: str, q: str, **more: str) -> list[str]:
        params = {"q": q, **more}
        page = await place._ok(place.feed, "GET", "/own", who, params=params)
        return [view["post"]["id"] for view in page["views"]]

    assert await found(ann, "TIDE low") == [high, tide]
    assert await found(ann, "cafe") == [tide]
    assert await found(ann, "#sea") == [tide]
    assert await found(ann, "tide", offset="1") == [tide]
    assert await found(ann, "storm") == []
    await place.delete(ann, tide)
    await place.cluster.settle()
    assert await found(ann, "cafe") == []
