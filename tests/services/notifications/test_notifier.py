"""Notifications: one for each cause, whatever happens to the events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from services.chassis.dapr.call_groups import Request
from services.chassis.errors import Unavailable
from services.chassis.ids import SnowflakeGenerator
from services.notifications.application.notifier import Notifier
from services.notifications.domain.notifications import Cause
from services.notifications.repository import Repository
from services.shared import block_list
from tests.services.notifications.harness import NotificationsHarness, NotificationsUser


async def test_a_favourite_a_follow_and_a_mention_are_notified(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await harness.cluster.settle()
    await ben.set_relationship(ann, "follow")
    await harness.cluster.settle()
    naming = await ben.create_post(f"hello @{ann.name}")
    await harness.cluster.settle()
    assert await ann.notified() == [
        ("mention", ben.id, naming),
        ("follow", ben.id, None),
        ("favourite", ben.id, post),
    ]
    assert await ben.notified() == []


async def test_a_group_is_bounded_by_causes_and_not_by_events(
    harness: NotificationsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = await harness.add_users(2)
    sizes: list[int] = []
    notify_all = Notifier._notify_all

    async def watch(self: Notifier, group: Sequence[Request[Sequence[Cause]]]) -> None:
        sizes.append(sum(len(request.asked) for request in group))
        await notify_all(self, group)

    monkeypatch.setattr(Notifier, "_notify_all", watch)
    ids = SnowflakeGenerator()
    notifier = Notifier(Repository(harness.notifications.service), ids=ids.next, now=lambda: "")
    causes = [Cause(f"follow:{n}", ann.id, "follow", ben.id, str(n)) for n in range(80)]
    await asyncio.gather(*(notifier.notify(causes[n : n + 20]) for n in range(0, 80, 20)))
    assert sizes == [40, 40]


async def test_nobody_is_notified_of_their_own_actions(harness: NotificationsHarness) -> None:
    (ann,) = await harness.add_users(1)
    post = await ann.create_post(f"me, @{ann.name}")
    await ann.react(post)
    await harness.cluster.settle()
    assert await ann.notified() == []


async def test_a_bookmark_causes_no_notification(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post, "bookmark")
    await ben.react(post, "unbookmark")
    await harness.cluster.settle()
    assert await ann.notified() == []


async def test_a_withdrawn_cause_is_hidden_and_a_repeated_one_is_notified_again(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await harness.cluster.settle()
    before = await ann.ids()
    await ben.react(post, "unfavourite")
    await ben.set_relationship(ann, "unfollow")
    await harness.cluster.settle()
    assert await ann.notified() == []
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await harness.cluster.settle()
    assert sorted(await ann.notified()) == [
        ("favourite", ben.id, post),
        ("follow", ben.id, None),
    ]
    assert min(await ann.ids()) > max(before)


async def test_a_like_that_comes_and_goes_all_day_stays_one_and_does_not_flood(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    for _ in range(15):
        await ben.react(post)
        await harness.cluster.settle()
        await ben.react(post, "unfavourite")
        await harness.cluster.settle()
    assert await ann.notified() == []
    await ben.react(post)
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
    found = {event["data"]["id"] for event in harness.cluster.broker.events("notifications")}
    assert len(found) <= 9


async def test_a_request_to_follow_becomes_a_follow(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    await ann.request_ok(harness.users, "PATCH", "/accounts/me", json={"locked": True})
    await ben.set_relationship(ann, "follow")
    await harness.cluster.settle()
    assert await ann.notified() == [("follow_request", ben.id, None)]
    await ann.request_ok(harness.users, "POST", f"/follow_requests/{ben.id}/authorize")
    await harness.cluster.settle()
    assert await ann.notified() == [("follow", ben.id, None)]


async def test_a_deleted_post_hides_its_notifications(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    naming = await ben.create_post(f"@{ann.name}")
    await ben.react(post)
    await harness.cluster.settle()
    assert len(await ann.notified()) == await ann.unread() == 2
    await ann.delete_post(post)
    await ben.delete_post(naming)
    await harness.cluster.settle()
    assert await ann.notified() == []
    assert await ann.unread() == 0


@pytest.mark.parametrize("what", ["mute", "block"])
async def test_muted_and_blocked_accounts_cause_no_notification_and_earlier_ones_are_hidden(
    harness: NotificationsHarness, what: str
) -> None:
    ann, ben, cid = await harness.add_users(3)
    old, new = await ann.create_post(), await ann.create_post()
    await ben.react(old)
    await cid.react(old)
    await harness.cluster.settle()
    await ann.set_relationship(ben, what)
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", cid.id, old)]
    await ben.request(harness.posts, "POST", f"/posts/{new}/favourite")
    await ben.create_post(f"@{ann.name}")
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", cid.id, old)]
    await ann.set_relationship(ben, f"un{what}")
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", cid.id, old), ("favourite", ben.id, old)]


async def test_a_mute_that_leaves_notifications_alone_leaves_them_alone(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    await ann.set_relationship(ben, "mute", notifications=False)
    await harness.cluster.settle()
    post = await ann.create_post()
    await ben.react(post)
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]


async def test_any_of_very_many_blockers_causes_no_notification(
    harness: NotificationsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_list, "MAX_BLOCKERS", 2)
    ann, friend, *blockers = await harness.add_users(6)
    post = await ann.create_post("liked by all, once")
    for liker in (friend, *blockers):
        await liker.react(post)
    for blocker in blockers:
        await blocker.set_relationship(ann, "block")
        await harness.cluster.settle()
    assert {found[1] for found in await ann.notified()} == {friend.id}
    for blocker in blockers:
        await blocker.set_relationship(ann, "unblock")
    await harness.cluster.settle()
    assert {found[1] for found in await ann.notified()} == {
        friend.id,
        *(each.id for each in blockers),
    }
    for blocker in blockers:
        await blocker.set_relationship(ann, "block")
    await harness.cluster.settle()
    for caller in (friend, *blockers):
        await caller.create_post(f"@{ann.name}")
    await harness.cluster.settle()
    for blocker in blockers:
        await blocker.set_relationship(ann, "unblock")
    await harness.cluster.settle()
    assert [found[1] for found in await ann.notified(types="mention")] == [friend.id]


async def test_who_blocks_somebody_vanishes_from_their_list(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await harness.cluster.settle()
    await ben.set_relationship(ann, "block")
    await harness.cluster.settle()
    assert await ann.notified() == []


async def test_a_mention_is_one_however_often_the_post_is_edited(
    harness: NotificationsHarness,
) -> None:
    ann, ben, cid = await harness.add_users(3)
    post = await ben.create_post(f"hello @{ann.name}")
    await harness.cluster.settle()
    for text in (f"hello again @{ann.name}", f"hello @{ann.name} and @{cid.name}"):
        await ben.request_ok(harness.posts, "PUT", f"/posts/{post}", json={"text": text})
        await harness.cluster.settle()
    assert await ann.notified() == await cid.notified() == [("mention", ben.id, post)]
    assert len(harness.cluster.broker.events("notifications")) == 2


# ── threads ─────────────────────────────────────────────────────────────────────────────────────


async def test_participants_of_a_thread_are_notified_of_a_comment_once(
    harness: NotificationsHarness,
) -> None:
    ann, ben, cid = await harness.add_users(3)
    root = await ann.create_post()
    first = await ben.create_post("first", in_reply_to_id=root)
    await harness.cluster.settle()
    second = await cid.create_post(f"@{ann.name} second", in_reply_to_id=first)
    await harness.cluster.settle()
    third = await ann.create_post("third", in_reply_to_id=second)
    await harness.cluster.settle()
    assert await ann.notified() == [("mention", cid.id, second), ("mention", ben.id, first)]
    assert await ben.notified() == [("mention", ann.id, third), ("mention", cid.id, second)]
    assert await cid.notified() == [("mention", ann.id, third)]
    await cid.delete_post(second)
    await harness.cluster.settle()
    assert await ann.notified() == [("mention", ben.id, first)]


async def test_an_invisible_comment_is_not_notified(harness: NotificationsHarness) -> None:
    ann, ben, cid = await harness.add_users(3)
    await ann.set_relationship(cid, "follow")
    await harness.cluster.settle()
    root = await ann.create_post()
    first = await ben.create_post("first", in_reply_to_id=root)
    hidden = await cid.create_post("for followers", in_reply_to_id=first, visibility="private")
    await cid.create_post(f"for @{ann.name}", in_reply_to_id=first, visibility="direct")
    await harness.cluster.settle()
    assert await ben.notified() == []
    assert len(await ann.notified()) == 3
    assert ("mention", cid.id, hidden) in await ann.notified()


async def test_subscribers_are_notified_of_every_post(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    await ann.create_post("before")
    await harness.cluster.settle()
    await ben.set_relationship(ann, "follow", notify=True)
    await harness.cluster.settle()
    post = await ann.create_post()
    naming = await ann.create_post(f"@{ben.name}")
    await ann.create_post("to myself", in_reply_to_id=post)
    await harness.cluster.settle()
    found = await ben.notified()
    assert [type for type, _, _ in found] == ["status", "mention", "status"]
    assert found[1:] == [("mention", ann.id, naming), ("status", ann.id, post)]
    other = await ben.create_post()
    await ann.create_post("to others", in_reply_to_id=other)
    await ann.request_ok(harness.posts, "PUT", f"/posts/{post}", json={"text": "edited"})
    await harness.cluster.settle()
    assert [type for type, _, _ in await ben.notified()] == [
        "mention",
        *(each[0] for each in found),
    ]
    await ben.set_relationship(ann, "follow", notify=False)
    await harness.cluster.settle()
    await ann.create_post()
    await harness.cluster.settle()
    assert len(await ben.notified()) == 4


async def test_a_boost_is_notified_until_it_is_removed(harness: NotificationsHarness) -> None:
    ann, ben, cid = await harness.add_users(3)
    await cid.set_relationship(ben, "follow", notify=True)
    await harness.cluster.settle()
    post = await ann.create_post()
    await ben.react(post, "reblog")
    await ben.react(post)
    await harness.cluster.settle()
    assert sorted(await ann.notified()) == [("favourite", ben.id, post), ("reblog", ben.id, post)]
    assert await cid.notified() == []
    await ben.react(post, "unreblog")
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
    await ben.react(post, "reblog")
    await harness.cluster.settle()
    assert await ann.notified() == [("reblog", ben.id, post), ("favourite", ben.id, post)]
    (boost,) = (await ann.page("groups", types="reblog"))["groups"]
    assert boost["post"] == post


async def test_a_deleted_account_is_hidden_and_its_data_is_deleted(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await ann.set_relationship(ben, "follow")
    await ann.request_ok(
        harness.notifications, "POST", "/markers", json={"home": {"last_read_id": "5"}}
    )
    await harness.cluster.settle()
    assert len(await ann.notified()) == len(await ben.notified()) == 1
    gone = {"id": ann.id, "username": "", "created_at": "", "deleted": True}
    await harness.cluster.broker.publish("accounts", [_event("account.changed", ann.id, 99, gone)])
    await harness.cluster.settle()
    assert await ben.notified() == await ann.notified() == []
    state = harness.cluster.state("notifications")
    assert not [key for key in state.keys("") if key in (f"markers:{ann.id}", f"stance:{ann.id}")]


async def test_a_suspension_hides_notifications_until_it_is_lifted(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    await harness.cluster.settle()
    profile: dict[str, object] = {"id": ben.id, "username": "ben", "created_at": ""}
    for version, suspended in ((98, True), (97, False)):
        found = _event("account.changed", ben.id, version, {**profile, "suspended": suspended})
        await harness.cluster.broker.publish("accounts", [found])
        await harness.cluster.settle()
    assert await ann.notified() == []
    assert await ann.unread() == 0
    for version, suspended in ((100, False), (99, True)):
        found = _event("account.changed", ben.id, version, {**profile, "suspended": suspended})
        await harness.cluster.broker.publish("accounts", [found])
        await harness.cluster.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]


def _event(type: str, subject: str, version: int, data: dict[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{subject}@{version}",
        "type": type,
        "source": "users",
        "subject": subject,
        "stream": "tests",
        "sequence": version,
        "entityversion": version,
        "data": data,
    }


# ── whatever becomes of the news ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(6))
async def test_late_repeated_and_reordered_events_end_the_same(
    harness: NotificationsHarness, seed: int
) -> None:
    people = await harness.add_users(4)
    dice = random.Random(seed)  # noqa: S311
    harness.cluster.broker.copies = 2
    harness.cluster.broker.hold()
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
    harness.cluster.broker.release(seed=seed)
    await harness.cluster.settle()
    for person in people:
        wanted = sorted(each[1:] for each in expected if each[0] == person.id)
        assert sorted(await person.notified(limit=80), key=str) == sorted(wanted, key=str)


async def test_events_lost_by_the_broker_are_notified(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    harness.cluster.broker.loses = lambda event: True
    post = await ann.create_post()
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await harness.cluster.settle()
    assert sorted(await ann.notified()) == [("favourite", ben.id, post), ("follow", ben.id, None)]


async def test_two_replicas_with_the_same_event_notify_once(
    harness: NotificationsHarness,
) -> None:
    await harness.add_replica()
    harness.cluster.broker.copies = 4
    ann, *others = await harness.add_users(6)
    post = await ann.create_post()
    for other in others:
        await other.react(post)
        await other.set_relationship(ann, "follow")
    await harness.cluster.settle()
    found = await ann.notified()
    assert len(found) == len(set(found)) == 10


@pytest.mark.parametrize("about", ["journal:", "notification:", "notifications:", "stance:"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
async def test_whenever_it_crashes_every_cause_is_notified_once(
    harness: NotificationsHarness, about: str, after: bool, nth: int
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await harness.cluster.settle()
    doomed = harness.notifications.sidecar.state.faults
    doomed.crash("*", about=about, nth=nth, after=after)
    await ben.react(post)
    await ben.set_relationship(ann, "follow")
    await ben.create_post(f"@{ann.name}")
    await doomed.dead.wait()
    await harness.restart()
    await harness.cluster.settle(rounds=3)
    found = await ann.notified()
    assert sorted(type for type, _, _ in found) == ["favourite", "follow", "mention"]
    said = {event["data"]["id"] for event in harness.cluster.broker.events("notifications")}
    assert said <= set(await ann.ids())


async def test_a_crash_before_publishing_loses_no_event(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await harness.cluster.settle()
    doomed = harness.notifications.sidecar.broker.faults
    doomed.crash("publish")
    await ben.react(post)
    await doomed.dead.wait()
    await harness.restart()
    await harness.cluster.settle(rounds=3)
    assert await ann.notified() == [("favourite", ben.id, post)]


async def test_failures_of_the_store_are_retried(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await harness.cluster.settle()
    faults = harness.notifications.sidecar.state.faults
    faults.fail(
        "compare_and_set", about="notification", error=Unavailable("The store is away."), times=3
    )
    await ben.react(post)
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
