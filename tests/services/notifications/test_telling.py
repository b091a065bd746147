"""Who is told of what: once for each cause, whatever becomes of the news."""

from __future__ import annotations

import random

import pytest

from services.chassis.errors import Unavailable
from services.shared import block_list
from tests.services.notifications.world import Person, Town


async def test_a_like_a_follow_and_a_mention_are_told_of(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await ben.marks(post)
    await town.world.settle()
    await ben.stands(ann, "follow")
    await town.world.settle()
    naming = await ben.makes(f"hello @{ann.name}")
    await town.world.settle()
    assert await ann.told() == [
        ("mention", ben.id, naming),
        ("follow", ben.id, None),
        ("favourite", ben.id, post),
    ]
    assert await ben.told() == []


async def test_nobody_is_told_of_what_they_do_themselves(town: Town) -> None:
    (ann,) = await town.people(1)
    post = await ann.makes(f"me, @{ann.name}")
    await ann.marks(post)
    await town.world.settle()
    assert await ann.told() == []


async def test_a_bookmark_is_nobody_elses_matter(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await ben.marks(post, "bookmark")
    await ben.marks(post, "unbookmark")
    await town.world.settle()
    assert await ann.told() == []


async def test_what_is_taken_back_is_told_no_more_and_what_is_made_again_is_told_anew(
    town: Town,
) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await ben.marks(post)
    await ben.stands(ann, "follow")
    await town.world.settle()
    before = await ann.ids()
    await ben.marks(post, "unfavourite")
    await ben.stands(ann, "unfollow")
    await town.world.settle()
    assert await ann.told() == []
    await ben.marks(post)
    await ben.stands(ann, "follow")
    await town.world.settle()
    assert sorted(await ann.told()) == [
        ("favourite", ben.id, post),
        ("follow", ben.id, None),
    ]
    assert min(await ann.ids()) > max(before)


async def test_a_like_that_comes_and_goes_all_day_stays_one_and_does_not_flood(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    for _ in range(15):
        await ben.marks(post)
        await town.world.settle()
        await ben.marks(post, "unfavourite")
        await town.world.settle()
    assert await ann.told() == []
    await ben.marks(post)
    await town.world.settle()
    assert await ann.told() == [("favourite", ben.id, post)]
    told = {event["data"]["id"] for event in town.world.broker.events("notifications")}
    assert len(told) <= 9


async def test_a_request_to_follow_becomes_a_follow(town: Town) -> None:
    ann, ben = await town.people(2)
    await ann.does(town.users, "PATCH", "/accounts/me", json={"locked": True})
    await ben.stands(ann, "follow")
    await town.world.settle()
    assert await ann.told() == [("follow_request", ben.id, None)]
    await ann.does(town.users, "POST", f"/follow_requests/{ben.id}/authorize")
    await town.world.settle()
    assert await ann.told() == [("follow", ben.id, None)]


async def test_a_deleted_post_takes_all_that_was_told_of_it_away(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    naming = await ben.makes(f"@{ann.name}")
    await ben.marks(post)
    await town.world.settle()
    assert len(await ann.told()) == await ann.unread() == 2
    await ann.deletes(post)
    await ben.deletes(naming)
    await town.world.settle()
    assert await ann.told() == []
    assert await ann.unread() == 0


@pytest.mark.parametrize("what", ["mute", "block"])
async def test_who_is_muted_or_blocked_is_not_told_of_and_their_earlier_doings_are_hidden(
    town: Town, what: str
) -> None:
    ann, ben, cid = await town.people(3)
    old, new = await ann.makes(), await ann.makes()
    await ben.marks(old)
    await cid.marks(old)
    await town.world.settle()
    await ann.stands(ben, what)
    await town.world.settle()
    assert await ann.told() == [("favourite", cid.id, old)]
    await ben.ask(town.posts, "POST", f"/posts/{new}/favourite")
    await ben.makes(f"@{ann.name}")
    await town.world.settle()
    assert await ann.told() == [("favourite", cid.id, old)]
    await ann.stands(ben, f"un{what}")
    await town.world.settle()
    assert await ann.told() == [("favourite", cid.id, old), ("favourite", ben.id, old)]


async def test_a_mute_that_leaves_notifications_alone_leaves_them_alone(town: Town) -> None:
    ann, ben = await town.people(2)
    await ann.stands(ben, "mute", notifications=False)
    await town.world.settle()
    post = await ann.makes()
    await ben.marks(post)
    await town.world.settle()
    assert await ann.told() == [("favourite", ben.id, post)]


async def test_whoever_of_very_many_blocks_somebody_is_not_told_of(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_list, "BLOCKERS", 2)
    ann, friend, *blockers = await town.people(6)
    post = await ann.makes("liked by all, once")
    for liker in (friend, *blockers):
        await liker.marks(post)
    for blocker in blockers:
        await blocker.stands(ann, "block")
        await town.world.settle()
    assert {told[1] for told in await ann.told()} == {friend.id}
    for blocker in blockers:
        await blocker.stands(ann, "unblock")
    await town.world.settle()
    assert {told[1] for told in await ann.told()} == {friend.id, *(each.id for each in blockers)}
    for blocker in blockers:
        await blocker.stands(ann, "block")
    await town.world.settle()
    for caller in (friend, *blockers):
        await caller.makes(f"@{ann.name}")
    await town.world.settle()
    for blocker in blockers:
        await blocker.stands(ann, "unblock")
    await town.world.settle()
    assert [told[1] for told in await ann.told(types="mention")] == [friend.id]


async def test_who_blocks_somebody_vanishes_from_their_list(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await ben.marks(post)
    await town.world.settle()
    await ben.stands(ann, "block")
    await town.world.settle()
    assert await ann.told() == []


async def test_a_mention_is_one_however_often_the_post_is_edited(town: Town) -> None:
    ann, ben, cid = await town.people(3)
    post = await ben.makes(f"hello @{ann.name}")
    await town.world.settle()
    for text in (f"hello again @{ann.name}", f"hello @{ann.name} and @{cid.name}"):
        await ben.does(town.posts, "PUT", f"/posts/{post}", json={"text": text})
        await town.world.settle()
    assert await ann.told() == await cid.told() == [("mention", ben.id, post)]
    assert len(town.world.broker.events("notifications")) == 2


# ── threads ─────────────────────────────────────────────────────────────────────────────────────


async def test_those_in_a_thread_are_told_of_a_comment_once(town: Town) -> None:
    ann, ben, cid = await town.people(3)
    root = await ann.makes()
    first = await ben.makes("first", in_reply_to_id=root)
    await town.world.settle()
    second = await cid.makes(f"@{ann.name} second", in_reply_to_id=first)
    await town.world.settle()
    third = await ann.makes("third", in_reply_to_id=second)
    await town.world.settle()
    assert await ann.told() == [("mention", cid.id, second), ("mention", ben.id, first)]
    assert await ben.told() == [("mention", ann.id, third), ("mention", cid.id, second)]
    assert await cid.told() == [("mention", ann.id, third)]
    await cid.deletes(second)
    await town.world.settle()
    assert await ann.told() == [("mention", ben.id, first)]


async def test_a_comment_that_may_not_be_seen_is_not_told_of(town: Town) -> None:
    ann, ben, cid = await town.people(3)
    await ann.stands(cid, "follow")
    await town.world.settle()
    root = await ann.makes()
    first = await ben.makes("first", in_reply_to_id=root)
    hidden = await cid.makes("for followers", in_reply_to_id=first, visibility="private")
    await cid.makes(f"for @{ann.name}", in_reply_to_id=first, visibility="direct")
    await town.world.settle()
    assert await ben.told() == []
    assert len(await ann.told()) == 3
    assert ("mention", cid.id, hidden) in await ann.told()


async def test_who_asked_for_it_is_told_of_every_post(town: Town) -> None:
    ann, ben = await town.people(2)
    await ann.makes("before")
    await town.world.settle()
    await ben.stands(ann, "follow", notify=True)
    await town.world.settle()
    post = await ann.makes()
    naming = await ann.makes(f"@{ben.name}")
    await ann.makes("to myself", in_reply_to_id=post)
    await town.world.settle()
    told = await ben.told()
    assert [type for type, _, _ in told] == ["status", "mention", "status"]
    assert told[1:] == [("mention", ann.id, naming), ("status", ann.id, post)]
    other = await ben.makes()
    await ann.makes("to others", in_reply_to_id=other)
    await ann.does(town.posts, "PUT", f"/posts/{post}", json={"text": "edited"})
    await town.world.settle()
    assert [type for type, _, _ in await ben.told()] == ["mention", *(each[0] for each in told)]
    await ben.stands(ann, "follow", notify=False)
    await town.world.settle()
    await ann.makes()
    await town.world.settle()
    assert len(await ben.told()) == 4


async def test_a_boost_is_told_of_until_it_is_taken_back(town: Town) -> None:
    ann, ben, cid = await town.people(3)
    await cid.stands(ben, "follow", notify=True)
    await town.world.settle()
    post = await ann.makes()
    await ben.marks(post, "reblog")
    await ben.marks(post)
    await town.world.settle()
    assert sorted(await ann.told()) == [("favourite", ben.id, post), ("reblog", ben.id, post)]
    assert await cid.told() == []
    await ben.marks(post, "unreblog")
    await town.world.settle()
    assert await ann.told() == [("favourite", ben.id, post)]
    await ben.marks(post, "reblog")
    await town.world.settle()
    assert await ann.told() == [("reblog", ben.id, post), ("favourite", ben.id, post)]
    (boost,) = (await ann.page("groups", types="reblog"))["groups"]
    assert boost["post"] == post


async def test_a_deleted_account_is_told_of_nowhere_and_nothing_of_it_is_kept(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await ben.marks(post)
    await ann.stands(ben, "follow")
    await ann.does(town.notes, "POST", "/markers", json={"home": {"last_read_id": "5"}})
    await town.world.settle()
    assert len(await ann.told()) == len(await ben.told()) == 1
    gone = {"id": ann.id, "username": "", "created_at": "", "deleted": True}
    await town.world.broker.publish("accounts", [_event("account.changed", ann.id, 99, gone)])
    await town.world.settle()
    assert await ben.told() == await ann.told() == []
    state = town.world.state("notifications")
    assert not [key for key in state.keys("") if key in (f"markers:{ann.id}", f"stance:{ann.id}")]


async def test_of_the_suspended_nobody_is_told_while_they_are_so(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await ben.marks(post)
    await town.world.settle()
    profile: dict[str, object] = {"id": ben.id, "username": "ben", "created_at": ""}
    for version, suspended in ((98, True), (97, False)):
        told = _event("account.changed", ben.id, version, {**profile, "suspended": suspended})
        await town.world.broker.publish("accounts", [told])
        await town.world.settle()
    assert await ann.told() == []
    assert await ann.unread() == 0
    for version, suspended in ((100, False), (99, True)):
        told = _event("account.changed", ben.id, version, {**profile, "suspended": suspended})
        await town.world.broker.publish("accounts", [told])
        await town.world.settle()
    assert await ann.told() == [("favourite", ben.id, post)]


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
async def test_late_repeated_and_reordered_news_ends_the_same(town: Town, seed: int) -> None:
    people = await town.people(4)
    dice = random.Random(seed)  # noqa: S311
    town.world.broker.copies = 2
    town.world.broker.hold()
    posts: dict[str, Person] = {}
    expected: set[tuple[str, str, str, str | None]] = set()
    for _ in range(60):
        who, whom = dice.sample(people, 2)
        theirs = sorted(id for id, author in posts.items() if author is whom)
        match dice.choice(["post", "like", "like", "unlike", "follow", "unfollow", "delete"]):
            case "post":
                post = await who.makes(f"hello @{whom.name}")
                posts[post] = who
                expected.add((whom.id, "mention", who.id, post))
            case "like" if theirs:
                post = dice.choice(theirs)
                await who.marks(post)
                expected.add((whom.id, "favourite", who.id, post))
            case "unlike" if theirs:
                post = dice.choice(theirs)
                await who.marks(post, "unfavourite")
                expected.discard((whom.id, "favourite", who.id, post))
            case "follow":
                await who.stands(whom, "follow")
                expected.add((whom.id, "follow", who.id, None))
            case "unfollow":
                await who.stands(whom, "unfollow")
                expected.discard((whom.id, "follow", who.id, None))
            case "delete" if theirs:
                post = dice.choice(theirs)
                await whom.deletes(post)
                del posts[post]
                expected = {each for each in expected if each[3] != post}
    town.world.broker.release(seed=seed)
    await town.world.settle()
    for person in people:
        wanted = sorted(each[1:] for each in expected if each[0] == person.id)
        assert sorted(await person.told(limit=80), key=str) == sorted(wanted, key=str)


async def test_what_the_broker_loses_is_told_of(town: Town) -> None:
    ann, ben = await town.people(2)
    town.world.broker.loses = lambda event: True
    post = await ann.makes()
    await ben.marks(post)
    await ben.stands(ann, "follow")
    await town.world.settle()
    assert sorted(await ann.told()) == [("favourite", ben.id, post), ("follow", ben.id, None)]


async def test_two_replicas_that_hear_the_same_at_once_tell_once(town: Town) -> None:
    await town.another()
    town.world.broker.copies = 4
    ann, *others = await town.people(6)
    post = await ann.makes()
    for other in others:
        await other.marks(post)
        await other.stands(ann, "follow")
    await town.world.settle()
    told = await ann.told()
    assert len(told) == len(set(told)) == 10


@pytest.mark.parametrize("about", ["journal:", "notification:", "notifications:", "stance:"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
async def test_whenever_it_dies_everything_is_told_once(
    town: Town, about: str, after: bool, nth: int
) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await town.world.settle()
    doomed = town.notes.sidecar.state.faults
    doomed.crash("*", about=about, nth=nth, after=after)
    await ben.marks(post)
    await ben.stands(ann, "follow")
    await ben.makes(f"@{ann.name}")
    await doomed.dead.wait()
    await town.restart()
    await town.world.settle(rounds=3)
    told = await ann.told()
    assert sorted(type for type, _, _ in told) == ["favourite", "follow", "mention"]
    said = {event["data"]["id"] for event in town.world.broker.events("notifications")}
    assert said <= set(await ann.ids())


async def test_a_death_before_the_news_is_out_keeps_no_news_back(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await town.world.settle()
    doomed = town.notes.sidecar.broker.faults
    doomed.crash("publish")
    await ben.marks(post)
    await doomed.dead.wait()
    await town.restart()
    await town.world.settle(rounds=3)
    assert await ann.told() == [("favourite", ben.id, post)]


async def test_trouble_with_the_store_is_tried_again(town: Town) -> None:
    ann, ben = await town.people(2)
    post = await ann.makes()
    await town.world.settle()
    faults = town.notes.sidecar.state.faults
    faults.fail(
        "compare_and_set", about="notification", error=Unavailable("The store is away."), times=3
    )
    await ben.marks(post)
    await town.world.settle()
    assert await ann.told() == [("favourite", ben.id, post)]
