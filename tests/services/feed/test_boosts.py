"""Boosts in timelines: who sees them, and with what."""

from __future__ import annotations

from typing import Any

from tests.services.feed.test_timelines import FeedHarness, town

__all__ = ["town"]


async def boost(town: FeedHarness, who: str, post: str, what: str = "reblog", **how: Any) -> str:
    done = await town._ok(town.posts, "POST", f"/posts/{post}/{what}", who, json=how)
    return str(done["post"]["id"])


async def people(town: FeedHarness, many: int) -> list[str]:
    return [await town.person() for _ in range(many)]


async def test_a_boost_comes_home_to_followers_with_what_it_shows(town: FeedHarness) -> None:
    ann, ben, cid = await people(town, 3)
    await town.follow(cid, ben)
    post = await town.post(ann, "look #sea")
    made = await boost(town, ben, post)
    await town.world.settle()

    page = await town.page("home", cid)
    assert [view["post"]["id"] for view in page["views"]] == [made]
    shown = page["views"][0]["reblog"]
    assert (shown["post"]["id"], shown["post"]["text"]) == (post, "look #sea")
    assert (shown["counts"]["reblogs"], shown["reblogged"]) == (1, False)
    assert set(page["accounts"]) == {ann, ben}
    mine = (await town.page("home", ben))["views"][0]
    assert (mine["reblogged"], mine["reblog"]["reblogged"]) == (True, True)
    assert await town.timeline("public") == await town.timeline("tags/sea") == [post]
    assert await town.timeline(f"accounts/{ben}") == [made]
    assert await town.timeline(f"accounts/{ben}", exclude_reblogs="true") == []
    assert await town.timeline(f"accounts/{ben}", only_media="true") == []


async def test_a_page_shows_a_post_once_however_many_boost_it(town: FeedHarness) -> None:
    ann, ben, cid, dan = await people(town, 4)
    for whom in (ann, ben, cid):
        await town.follow(dan, whom)
    other = await town.person()
    post, strange = await town.post(ann), await town.post(other)
    for who in (ben, cid):
        await boost(town, who, post)
    first = await boost(town, ben, strange)
    await boost(town, cid, strange)
    await town.world.settle()
    assert await town.home(dan) == [first, post]


async def test_who_wants_no_boosts_of_somebody_sees_their_posts_alone(town: FeedHarness) -> None:
    ann, ben, cid = await people(town, 3)
    path = f"/accounts/{ben}/follow"
    await town._ok(town.users, "POST", path, cid, json={"reblogs": False})
    post, own = await town.post(ann), await town.post(ben)
    made = await boost(town, ben, post)
    await town.world.settle()
    assert await town.home(cid) == [own]
    await town._ok(town.users, "POST", path, cid, json={"reblogs": True})
    await town.world.settle()
    assert await town.home(cid) == [made, own]


async def test_a_boost_is_hidden_from_who_shall_not_or_will_not_see_its_author(
    town: FeedHarness,
) -> None:
    ann, ben, muting, blocking, blocked, other = await people(town, 6)
    for reader in (muting, blocking, blocked, other):
        await town.follow(reader, ben)
    made = await boost(town, ben, await town.post(ann))
    await town.follow(muting, ann, "mute")
    await town.follow(blocking, ann, "block")
    await town.follow(ann, blocked, "block")
    await town.world.settle()
    assert await town.home(other) == [made]
    for reader in (muting, blocking, blocked):
        assert await town.home(reader) == []
        assert await town.timeline(f"accounts/{ben}", reader) == []
    assert await town.timeline(f"accounts/{ben}", other) == [made]


async def test_an_author_passes_on_followers_only_posts_to_followers_alone(
    town: FeedHarness,
) -> None:
    ann, ben, cid = await people(town, 3)
    await town.follow(ben, ann)
    post = await town.post(ann, visibility="private")
    made = await boost(town, ann, post)
    await town.world.settle()
    assert await town.timeline(f"accounts/{ann}", ben) == [made, post]
    assert await town.home(ben) == [post]
    assert await town.timeline(f"accounts/{ann}", cid) == await town.timeline(f"accounts/{ann}")
    assert await town.timeline(f"accounts/{ann}", cid) == []


async def test_boosts_go_with_their_post_and_with_a_change_of_mind(town: FeedHarness) -> None:
    ann, ben, cid = await people(town, 3)
    await town.follow(cid, ben)
    gone, kept = await town.post(ann), await town.post(ann)
    for post in (gone, kept):
        await boost(town, ben, post)
    await town.delete(ann, gone)
    await boost(town, ben, kept, "unreblog")
    await town.world.settle()
    assert await town.home(cid) == await town.timeline(f"accounts/{ben}") == []
    seen = (await town.page(f"accounts/{ann}", ben))["views"][0]
    assert (seen["reblogged"], seen["counts"]["reblogs"]) == (False, 0)


async def test_a_page_with_boosts_costs_as_many_state_calls_as_one_without(
    town: FeedHarness,
) -> None:
    ann, ben, cid = await people(town, 3)
    await town.follow(cid, ben)
    for n in range(5):
        await boost(town, ben, await town.post(ann, f"number {n}"))
    await town.world.settle()
    calls = town.feed.sidecar.state.faults.count()
    town.feed.sidecar.state.faults.calls.clear()
    assert calls
    assert len(await town.home(cid)) == 5
    assert town.feed.sidecar.state.faults.count() <= 2


async def test_authors_see_what_they_pinned(town: FeedHarness) -> None:
    ann, ben = await people(town, 2)
    post, other = await town.post(ann), await town.post(ann)
    await boost(town, ann, post, "pin")
    await town.world.settle()
    seen = {view["post"]["id"]: view["pinned"] for view in (await town.page("home", ann))["views"]}
    assert seen == {post: True, other: False}
    assert not any(v["pinned"] for v in (await town.page(f"accounts/{ann}", ben))["views"])
    await boost(town, ann, post, "unpin")
    await town.world.settle()
    assert not any(v["pinned"] for v in (await town.page("home", ann))["views"])


async def test_a_boost_that_was_taken_back_hides_no_later_one(town: FeedHarness) -> None:
    ann, ben, cid = await people(town, 3)
    await town.follow(cid, ben)
    post = await town.post(ann)
    for _ in range(2):
        await boost(town, ben, post)
        await town.world.settle()
        await boost(town, ben, post, "unreblog")
        await town.world.settle()
    last = await boost(town, ben, post)
    await town.world.settle()
    assert await town.home(cid) == [last]
