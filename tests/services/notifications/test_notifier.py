"""Who is told of what: once for each cause, whatever becomes of the news."""

from __future__ import annotations

import random

import pytest

from services.chassis.errors import Unavailable
from services.shared import block_list
from tests.services.notifications.harness import NotificationsHarness, NotificationsUser


async def test_a_like_a_follow_and_a_mention_are_told_of(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await town.world.settle()
    await ben.set_relationship(ann, "follow")
    await town.world.settle()
    naming = await ben.create_post(f"hello @{ann.name}")
    await town.world.settle()
    assert await ann.notified() == [
        ("mention", ben.id, naming),
        ("follow", ben.id, None),
        ("favourite", ben.id, post),
    ]
    assert await ben.notified() == []


async def test_nobody_is_told_of_what_they_do_themselves(town: NotificationsHarness) -> None:
    (ann,) = await town.add_users(1)
    post = await ann.create_post(f"me, @{ann.name}")
    await ann.react(post)
    await town.world.settle()
    assert await ann.notified() == []


async def test_a_bookmark_is_nobody_elses_matter(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await ben.react(post, "bookmark")
    await ben.react(post, "unbookmark")
    await town.world.settle()
    assert await ann.notified() == []


async def test_what_is_taken_back_is_told_no_more_and_what_is_made_again_is_told_anew(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await town.world.settle()
    before = await ann.ids()
    await ben.react(post, "unfavourite")
    await ben.set_relationship(ann, "unfollow")
    await town.world.settle()
    assert await ann.notified() == []
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await town.world.settle()
    assert sorted(await ann.notified()) == [
        ("favourite", ben.id, post),
        ("follow", ben.id, None),
    ]
    assert min(await ann.ids()) > max(before)


async def test_a_like_that_comes_and_goes_all_day_stays_one_and_does_not_flood(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    for _ in range(15):
        await ben.react(post)
        await town.world.settle()
        await ben.react(post, "unfavourite")
        await town.world.settle()
    assert await ann.notified() == []
    await ben.react(post)
    await town.world.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
    told = {event["data"]["id"] for event in town.world.broker.events("notifications")}
    assert len(told) <= 9


async def test_a_request_to_follow_becomes_a_follow(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    await ann.request_ok(town.users, "PATCH", "/accounts/me", json={"locked": True})
    await ben.set_relationship(ann, "follow")
    await town.world.settle()
    assert await ann.notified() == [("follow_request", ben.id, None)]
    await ann.request_ok(town.users, "POST", f"/follow_requests/{ben.id}/authorize")
    await town.world.settle()
    assert await ann.notified() == [("follow", ben.id, None)]


async def test_a_deleted_post_takes_all_that_was_told_of_it_away(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    naming = await ben.create_post(f"@{ann.name}")
    await ben.react(post)
    await town.world.settle()
    assert len(await ann.notified()) == await ann.unread() == 2
    await ann.delete_post(post)
    await ben.delete_post(naming)
    await town.world.settle()
    assert await ann.notified() == []
    assert await ann.unread() == 0


@pytest.mark.parametrize("what", ["mute", "block"])
async def test_who_is_muted_or_blocked_is_not_told_of_and_their_earlier_doings_are_hidden(
    town: NotificationsHarness, what: str
) -> None:
    ann, ben, cid = await town.add_users(3)
    old, new = await ann.create_post(), await ann.create_post()
    await ben.react(old)
    await cid.react(old)
    await town.world.settle()
    await ann.set_relationship(ben, what)
    await town.world.settle()
    assert await ann.notified() == [("favourite", cid.id, old)]
    await ben.request(town.posts, "POST", f"/posts/{new}/favourite")
    await ben.create_post(f"@{ann.name}")
    await town.world.settle()
    assert await ann.notified() == [("favourite", cid.id, old)]
    await ann.set_relationship(ben, f"un{what}")
    await town.world.settle()
    assert await ann.notified() == [("favourite", cid.id, old), ("favourite", ben.id, old)]


async def test_a_mute_that_leaves_notifications_alone_leaves_them_alone(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    await ann.set_relationship(ben, "mute", notifications=False)
    await town.world.settle()
    post = await ann.create_post()
    await ben.react(post)
    await town.world.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]


async def test_whoever_of_very_many_blocks_somebody_is_not_told_of(
    town: NotificationsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_list, "BLOCKERS", 2)
    ann, friend, *blockers = await town.add_users(6)
    post = await ann.create_post("liked by all, once")
    for liker in (friend, *blockers):
        await liker.react(post)
    for blocker in blockers:
        await blocker.set_relationship(ann, "block")
        await town.world.settle()
    assert {told[1] for told in await ann.notified()} == {friend.id}
    for blocker in blockers:
        await blocker.set_relationship(ann, "unblock")
    await town.world.settle()
    assert {told[1] for told in await ann.notified()} == {
        friend.id,
        *(each.id for each in blockers),
    }
    for blocker in blockers:
        await blocker.set_relationship(ann, "block")
    await town.world.settle()
    for caller in (friend, *blockers):
        await caller.create_post(f"@{ann.name}")
    await town.world.settle()
    for blocker in blockers:
        await blocker.set_relationship(ann, "unblock")
    await town.world.settle()
    assert [told[1] for told in await ann.notified(types="mention")] == [friend.id]


async def test_who_blocks_somebody_vanishes_from_their_list(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await town.world.settle()
    await ben.set_relationship(ann, "block")
    await town.world.settle()
    assert await ann.notified() == []


async def test_a_mention_is_one_however_often_the_post_is_edited(
    town: NotificationsHarness,
) -> None:
    ann, ben, cid = await town.add_users(3)
    post = await ben.create_post(f"hello @{ann.name}")
    await town.world.settle()
    for text in (f"hello again @{ann.name}", f"hello @{ann.name} and @{cid.name}"):
        await ben.request_ok(town.posts, "PUT", f"/posts/{post}", json={"text": text})
        await town.world.settle()
    assert await ann.notified() == await cid.notified() == [("mention", ben.id, post)]
    assert len(town.world.broker.events("notifications")) == 2


# ── threads ─────────────────────────────────────────────────────────────────────────────────────


async def test_those_in_a_thread_are_told_of_a_comment_once(town: NotificationsHarness) -> None:
    ann, ben, cid = await town.add_users(3)
    root = await ann.create_post()
    first = await ben.create_post("first", in_reply_to_id=root)
    await town.world.settle()
    second = await cid.create_post(f"@{ann.name} second", in_reply_to_id=first)
    await town.world.settle()
    third = await ann.create_post("third", in_reply_to_id=second)
    await town.world.settle()
    assert await ann.notified() == [("mention", cid.id, second), ("mention", ben.id, first)]
    assert await ben.notified() == [("mention", ann.id, third), ("mention", cid.id, second)]
    assert await cid.notified() == [("mention", ann.id, third)]
    await cid.delete_post(second)
    await town.world.settle()
    assert await ann.notified() == [("mention", ben.id, first)]


async def test_a_comment_that_may_not_be_seen_is_not_told_of(town: NotificationsHarness) -> None:
    ann, ben, cid = await town.add_users(3)
    await ann.set_relationship(cid, "follow")
    await town.world.settle()
    root = await ann.create_post()
    first = await ben.create_post("first", in_reply_to_id=root)
    hidden = await cid.create_post("for followers", in_reply_to_id=first, visibility="private")
    await cid.create_post(f"for @{ann.name}", in_reply_to_id=first, visibility="direct")
    await town.world.settle()
    assert await ben.notified() == []
    assert len(await ann.notified()) == 3
    assert ("mention", cid.id, hidden) in await ann.notified()


async def test_who_asked_for_it_is_told_of_every_post(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    await ann.create_post("before")
    await town.world.settle()
    await ben.set_relationship(ann, "follow", notify=True)
    await town.world.settle()
    post = await ann.create_post()
    naming = await ann.create_post(f"@{ben.name}")
    await ann.create_post("to myself", in_reply_to_id=post)
    await town.world.settle()
    told = await ben.notified()
    assert [type for type, _, _ in told] == ["status", "mention", "status"]
    assert told[1:] == [("mention", ann.id, naming), ("status", ann.id, post)]
    other = await ben.create_post()
    await ann.create_post("to others", in_reply_to_id=other)
    await ann.request_ok(town.posts, "PUT", f"/posts/{post}", json={"text": "edited"})
    await town.world.settle()
    assert [type for type, _, _ in await ben.notified()] == ["mention", *(each[0] for each in told)]
    await ben.set_relationship(ann, "follow", notify=False)
    await town.world.settle()
    await ann.create_post()
    await town.world.settle()
    assert len(await ben.notified()) == 4


async def test_a_boost_is_told_of_until_it_is_taken_back(town: NotificationsHarness) -> None:
    ann, ben, cid = await town.add_users(3)
    await cid.set_relationship(ben, "follow", notify=True)
    await town.world.settle()
    post = await ann.create_post()
    await ben.react(post, "reblog")
    await ben.react(post)
    await town.world.settle()
    assert sorted(await ann.notified()) == [("favourite", ben.id, post), ("reblog", ben.id, post)]
    assert await cid.notified() == []
    await ben.react(post, "unreblog")
    await town.world.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
    await ben.react(post, "reblog")
    await town.world.settle()
    assert await ann.notified() == [("reblog", ben.id, post), ("favourite", ben.id, post)]
    (boost,) = (await ann.page("groups", types="reblog"))["groups"]
    assert boost["post"] == post


async def test_a_deleted_account_is_told_of_nowhere_and_nothing_of_it_is_kept(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await ann.set_relationship(ben, "follow")
    await ann.request_ok(
        town.notifications, "POST", "/markers", json={"home": {"last_read_id": "5"}}
    )
    await town.world.settle()
    assert len(await ann.notified()) == len(await ben.notified()) == 1
    gone = {"id": ann.id, "username": "", "created_at": "", "deleted": True}
    await town.world.broker.publish("accounts", [_event("account.changed", ann.id, 99, gone)])
    await town.world.settle()
    assert await ben.notified() == await ann.notified() == []
    state = town.world.state("notifications")
    assert not [key for key in state.keys("") if key in (f"markers:{ann.id}", f"stance:{ann.id}")]


async def test_of_the_suspended_nobody_is_told_while_they_are_so(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await town.world.settle()
    profile: dict[str, object] = {"id": ben.id, "username": "ben", "created_at": ""}
    for version, suspended in ((98, True), (97, False)):
        told = _event("account.changed", ben.id, version, {**profile, "suspended": suspended})
        await town.world.broker.publish("accounts", [told])
        await town.world.settle()
    assert await ann.notified() == []
    assert await ann.unread() == 0
    for version, suspended in ((100, False), (99, True)):
        told = _event("account.changed", ben.id, version, {**profile, "suspended": suspended})
        await town.world.broker.publish("accounts", [told])
        await town.world.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]


def _event(type: str, subject: str, version: int, data: dict[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{subject}@{version}",
        "type": type,
        "source": "tests",
        "subject": subject,
        "stream": "tests",
        "sequence": version,
        "entityversion": version,
        "data": data,
    }


# ── whatever becomes of the news ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(6))
async def test_late_repeated_and_reordered_news_ends_the_same(
    town: NotificationsHarness, seed: int
) -> None:
    people = await town.add_users(4)
    dice = random.Random(seed)  # noqa: S311
    town.world.broker.copies = 2
    town.world.broker.hold()
    posts: dict[str, NotificationsUser] = {}
    expected: set[tuple[str, str, str, str | None]] = set()
    for _ in range(60):
        who, whom = dice.sample(people, 2)
        theirs = sorted(id for id, author in posts.items() if author is whom)
        match dice.choice(["post", "like", "like", "unlike", "follow", "unfollow", "delete"]):
            case "post":
                post = await who.create_post(f"hello @{whom.name}")
                posts[post] = who
                expected.add((whom.id, "mention", who.id, post))
            case "like" if theirs:
                post = dice.choice(theirs)
                await who.react(post)
                expected.add((whom.id, "favourite", who.id, post))
            case "unlike" if theirs:
                post = dice.choice(theirs)
                await who.react(post, "unfavourite")
                expected.discard((whom.id, "favourite", who.id, post))
            case "follow":
                await who.set_relationship(whom, "follow")
                expected.add((whom.id, "follow", who.id, None))
            case "unfollow":
                await who.set_relationship(whom, "unfollow")
                expected.discard((whom.id, "follow", who.id, None))
            case "delete" if theirs:
                post = dice.choice(theirs)
                await whom.delete_post(post)
                del posts[post]
                expected = {each for each in expected if each[3] != post}
    town.world.broker.release(seed=seed)
    await town.world.settle()
    for person in people:
        wanted = sorted(each[1:] for each in expected if each[0] == person.id)
        assert sorted(await person.notified(limit=80), key=str) == sorted(wanted, key=str)


async def test_what_the_broker_loses_is_told_of(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    town.world.broker.loses = lambda event: True
    post = await ann.create_post()
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await town.world.settle()
    assert sorted(await ann.notified()) == [("favourite", ben.id, post), ("follow", ben.id, None)]


async def test_two_replicas_that_hear_the_same_at_once_tell_once(
    town: NotificationsHarness,
) -> None:
    await town.add_replica()
    town.world.broker.copies = 4
    ann, *others = await town.add_users(6)
    post = await ann.create_post()
    for other in others:
        await other.react(post)
        await other.set_relationship(ann, "follow")
    await town.world.settle()
    told = await ann.notified()
    assert len(told) == len(set(told)) == 10


@pytest.mark.parametrize("about", ["journal:", "notification:", "notifications:", "stance:"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
async def test_whenever_it_dies_everything_is_told_once(
    town: NotificationsHarness, about: str, after: bool, nth: int
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await town.world.settle()
    doomed = town.notifications.sidecar.state.faults
    doomed.crash("*", about=about, nth=nth, after=after)
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await ben.create_post(f"@{ann.name}")
    await doomed.dead.wait()
    await town.restart()
    await town.world.settle(rounds=3)
    told = await ann.notified()
    assert sorted(type for type, _, _ in told) == ["favourite", "follow", "mention"]
    said = {event["data"]["id"] for event in town.world.broker.events("notifications")}
    assert said <= set(await ann.ids())


async def test_a_death_before_the_news_is_out_keeps_no_news_back(
    town: NotificationsHarness,
) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await town.world.settle()
    doomed = town.notifications.sidecar.broker.faults
    doomed.crash("publish")
    await ben.react(post)
    await doomed.dead.wait()
    await town.restart()
    await town.world.settle(rounds=3)
    assert await ann.notified() == [("favourite", ben.id, post)]


async def test_trouble_with_the_store_is_tried_again(town: NotificationsHarness) -> None:
    ann, ben = await town.add_users(2)
    post = await ann.create_post()
    await town.world.settle()
    faults = town.notifications.sidecar.state.faults
    faults.fail(
        "compare_and_set", about="notification", error=Unavailable("The store is away."), times=3
    )
    await ben.react(post)
    await town.world.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
