"""Boosts in timelines: who sees them, with which original posts."""

from __future__ import annotations

from typing import Any

from tests.services.feed.test_timelines import FeedHarness, harness

__all__ = ["harness"]


async def boost(harness: FeedHarness, who: str, post: str, what: str = "reblog", **how: Any) -> str:
    done = await harness._ok(harness.posts, "POST", f"/posts/{post}/{what}", who, json=how)
    return str(done["post"]["id"])


async def people(harness: FeedHarness, many: int) -> list[str]:
    return [await harness.person() for _ in range(many)]


async def test_a_boost_comes_home_to_followers_with_what_it_shows(harness: FeedHarness) -> None:
    ann, ben, cid = await people(harness, 3)
    await harness.follow(cid, ben)
    post = await harness.post(ann, "look #sea")
    made = await boost(harness, ben, post)
    await harness.cluster.settle()

    page = await harness.page("home", cid)
    assert [view["post"]["id"] for view in page["views"]] == [made]
    shown = page["views"][0]["reblog"]
    assert (shown["post"]["id"], shown["post"]["text"]) == (post, "look #sea")
    assert (shown["counts"]["reblogs"], shown["reblogged"]) == (1, False)
    assert set(page["accounts"]) == {ann, ben}
    mine = (await harness.page("home", ben))["views"][0]
    assert (mine["reblogged"], mine["reblog"]["reblogged"]) == (True, True)
    assert await harness.timeline("public") == await harness.timeline("tags/sea") == [post]
    assert await harness.timeline(f"accounts/{ben}") == [made]
    assert await harness.timeline(f"accounts/{ben}", exclude_reblogs="true") == []
    assert await harness.timeline(f"accounts/{ben}", only_media="true") == []


async def test_a_page_shows_a_post_once_however_many_boost_it(harness: FeedHarness) -> None:
    ann, ben, cid, dan = await people(harness, 4)
    for whom in (ann, ben, cid):
        await harness.follow(dan, whom)
    other = await harness.person()
    post, strange = await harness.post(ann), await harness.post(other)
    for who in (ben, cid):
        await boost(harness, who, post)
    first = await boost(harness, ben, strange)
    await boost(harness, cid, strange)
    await harness.cluster.settle()
    assert await harness.home(dan) == [first, post]


async def test_who_wants_no_boosts_of_somebody_sees_their_posts_alone(harness: FeedHarness) -> None:
    ann, ben, cid = await people(harness, 3)
    path = f"/accounts/{ben}/follow"
    await harness._ok(harness.users, "POST", path, cid, json={"reblogs": False})
    post, own = await harness.post(ann), await harness.post(ben)
    made = await boost(harness, ben, post)
    await harness.cluster.settle()
    assert await harness.home(cid) == [own]
    await harness._ok(harness.users, "POST", path, cid, json={"reblogs": True})
    await harness.cluster.settle()
    assert await harness.home(cid) == [made, own]


async def test_a_boost_is_hidden_from_who_shall_not_or_will_not_see_its_author(
    harness: FeedHarness,
) -> None:
    ann, ben, muting, blocking, blocked, other = await people(harness, 6)
    for reader in (muting, blocking, blocked, other):
        await harness.follow(reader, ben)
    made = await boost(harness, ben, await harness.post(ann))
    await harness.follow(muting, ann, "mute")
    await harness.follow(blocking, ann, "block")
    await harness.follow(ann, blocked, "block")
    await harness.cluster.settle()
    assert await harness.home(other) == [made]
    for reader in (muting, blocking, blocked):
        assert await harness.home(reader) == []
        assert await harness.timeline(f"accounts/{ben}", reader) == []
    assert await harness.timeline(f"accounts/{ben}", other) == [made]


async def test_an_author_passes_on_followers_only_posts_to_followers_alone(
    harness: FeedHarness,
) -> None:
    ann, ben, cid = await people(harness, 3)
    await harness.follow(ben, ann)
    post = await harness.post(ann, visibility="private")
    made = await boost(harness, ann, post)
    await harness.cluster.settle()
    assert await harness.timeline(f"accounts/{ann}", ben) == [made, post]
    assert await harness.home(ben) == [post]
    assert await harness.timeline(f"accounts/{ann}", cid) == await harness.timeline(
        f"accounts/{ann}"
    )
    assert await harness.timeline(f"accounts/{ann}", cid) == []


async def test_boosts_go_with_their_post_and_with_a_change_of_mind(harness: FeedHarness) -> None:
    ann, ben, cid = await people(harness, 3)
    await harness.follow(cid, ben)
    gone, kept = await harness.post(ann), await harness.post(ann)
    for post in (gone, kept):
        await boost(harness, ben, post)
    await harness.delete(ann, gone)
    await boost(harness, ben, kept, "unreblog")
    await harness.cluster.settle()
    assert await harness.home(cid) == await harness.timeline(f"accounts/{ben}") == []
    seen = (await harness.page(f"accounts/{ann}", ben))["views"][0]
    assert (seen["reblogged"], seen["counts"]["reblogs"]) == (False, 0)


async def test_a_page_with_boosts_costs_as_many_state_calls_as_one_without(
    harness: FeedHarness,
) -> None:
    ann, ben, cid = await people(harness, 3)
    await harness.follow(cid, ben)
    for n in range(5):
        await boost(harness, ben, await harness.post(ann, f"number {n}"))
    await harness.cluster.settle()
    calls = harness.feed.sidecar.state.faults.count()
    harness.feed.sidecar.state.faults.calls.clear()
    assert calls
    assert len(await harness.home(cid)) == 5
    assert harness.feed.sidecar.state.faults.count() <= 2


async def test_authors_see_what_they_pinned(harness: FeedHarness) -> None:
    ann, ben = await people(harness, 2)
    post, other = await harness.post(ann), await harness.post(ann)
    await boost(harness, ann, post, "pin")
    await harness.cluster.settle()
    seen = {
        view["post"]["id"]: view["pinned"] for view in (await harness.page("home", ann))["views"]
    }
    assert seen == {post: True, other: False}
    assert not any(v["pinned"] for v in (await harness.page(f"accounts/{ann}", ben))["views"])
    await boost(harness, ann, post, "unpin")
    await harness.cluster.settle()
    assert not any(v["pinned"] for v in (await harness.page("home", ann))["views"])


async def test_a_boost_that_was_taken_back_hides_no_later_one(harness: FeedHarness) -> None:
    ann, ben, cid = await people(harness, 3)
    await harness.follow(cid, ben)
    post = await harness.post(ann)
    for _ in range(2):
        await boost(harness, ben, post)
        await harness.cluster.settle()
        await boost(harness, ben, post, "unreblog")
        await harness.cluster.settle()
    last = await boost(harness, ben, post)
    await harness.cluster.settle()
    assert await harness.home(cid) == [last]
