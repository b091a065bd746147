"""Conversations, whatever happens to the events."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import Unavailable
from services.chassis.storage.segmented_list import SegmentedLists
from services.comments.app import create_app as comments_app
from services.contracts.conversations import ConversationPage
from services.feed.app import create_app as feed_app
from services.feed.domain import conversations as rules
from services.posts.app import create_app as posts_app
from services.users.app import create_app as users_app
from tests.fakes import Call, FakeCluster, until
from tests.fakes.faults import Hook
from tests.services.belongings import belongings, is_for_the_archivist_alone
from tests.services.feed.test_timelines import FeedHarness, harness, start

__all__ = ["harness"]


async def names(harness: FeedHarness, many: int) -> list[tuple[str, str]]:
    """Return users as pairs of id and username."""
    found = []
    for _ in range(many):
        id = await harness.person()
        row = await harness._ok(harness.users, "GET", f"/accounts/{id}", id)
        found.append((id, f"@{row['profile']['username']}"))
    return found


async def write(harness: FeedHarness, author: str, text: str, above: str | None = None) -> str:
    return await harness.post(author, text, visibility="direct", in_reply_to_id=above)


async def pages(harness: FeedHarness, reader: str, **params: Any) -> list[dict[str, Any]]:
    given = {name: str(value) for name, value in params.items()}
    page = await harness._ok(harness.feed, "GET", "/conversations", reader, params=given)
    ConversationPage.model_validate(page)
    found: list[dict[str, Any]] = page["conversations"]
    return found


async def last(harness: FeedHarness, reader: str, **params: Any) -> list[str]:
    return [view["last"]["post"]["id"] for view in await pages(harness, reader, **params)]


async def mark(harness: FeedHarness, reader: str, id: str, *, read: bool) -> dict[str, Any]:
    path = f"/conversations/{id}/mark"
    page = await harness._ok(harness.feed, "POST", path, reader, json={"read": read})
    view: dict[str, Any] = page["conversations"][0]
    return view


async def test_what_two_write_to_one_another_is_one_conversation_of_both(
    harness: FeedHarness,
) -> None:
    (ann, to_ann), (ben, to_ben), (cid, _) = await names(harness, 3)
    first = await write(harness, ann, f"{to_ben} hi")
    await harness.cluster.settle()
    (mine,), (theirs,) = await pages(harness, ann), await pages(harness, ben)
    assert (mine["people"], mine["unread"]) == ([ben], False)
    assert (theirs["people"], theirs["unread"]) == ([ann], True)
    assert mine["id"] == theirs["id"]
    second = await write(harness, ben, f"{to_ann} hi", first)
    await harness.cluster.settle()
    (mine,), (theirs,) = await pages(harness, ann), await pages(harness, ben)
    assert [mine["last"]["post"]["id"], theirs["last"]["post"]["id"]] == [second, second]
    assert [mine["unread"], theirs["unread"]] == [True, False]
    assert await pages(harness, cid) == []
    other = await write(harness, ann, f"{to_ben} something else")
    await harness.cluster.settle()
    assert await last(harness, ben) == [other, second]


async def test_who_is_named_in_an_answer_too_is_in_another_conversation(
    harness: FeedHarness,
) -> None:
    (ann, to_ann), (ben, to_ben), (cid, to_cid) = await names(harness, 3)
    first = await write(harness, ann, f"{to_ben} hi")
    wider = await write(harness, ben, f"{to_ann} {to_cid} look", first)
    await harness.cluster.settle()
    assert await last(harness, ann) == await last(harness, ben) == [wider, first]
    assert await last(harness, cid) == [wider]
    assert {*(await pages(harness, cid))[0]["people"]} == {ann, ben}


async def test_who_writes_to_nobody_has_a_conversation_with_themselves(
    harness: FeedHarness,
) -> None:
    ((ann, _),) = await names(harness, 1)
    note = await write(harness, ann, "to do")
    await harness.cluster.settle()
    (mine,) = await pages(harness, ann)
    assert (mine["people"], mine["unread"], mine["last"]["post"]["id"]) == ([ann], False, note)


async def test_the_one_before_is_the_last_when_the_last_is_deleted(harness: FeedHarness) -> None:
    await start(harness.cluster, "comments", comments_app)
    (ann, to_ann), (ben, to_ben) = await names(harness, 2)
    first = await write(harness, ann, f"{to_ben} hi")
    second = await write(harness, ben, f"{to_ann} hi", first)
    third = await write(harness, ann, f"{to_ben} bye", second)
    await harness.cluster.settle()
    await harness.delete(ann, third)
    await harness.cluster.settle()
    assert await last(harness, ann) == await last(harness, ben) == [second]
    assert not (await pages(harness, ann))[0]["unread"]  # who answered had read it
    await harness.delete(ann, first)
    await harness.cluster.settle()
    assert await last(harness, ann) == [second]
    await harness.delete(ben, second)
    await harness.cluster.settle()
    assert await last(harness, ann) == await last(harness, ben) == []


async def test_an_edit_takes_out_who_is_named_no_more_and_lets_in_who_is(
    harness: FeedHarness,
) -> None:
    (ann, _), (ben, to_ben), (cid, to_cid) = await names(harness, 3)
    post = await write(harness, ann, f"{to_ben} hi")
    await harness.cluster.settle()
    await harness._ok(harness.posts, "PUT", f"/posts/{post}", ann, json={"text": f"{to_cid} hi"})
    await harness.cluster.settle()
    assert await last(harness, ben) == []
    assert await last(harness, cid) == await last(harness, ann) == [post]
    assert (await pages(harness, ann))[0]["last"]["post"]["text"] == f"{to_cid} hi"


async def test_read_unread_and_removed_are_per_participant(harness: FeedHarness) -> None:
    (ann, _), (ben, to_ben), (cid, _) = await names(harness, 3)
    first = await write(harness, ann, f"{to_ben} hi")
    await harness.cluster.settle()
    (id,) = [view["id"] for view in await pages(harness, ben)]
    assert not (await mark(harness, ben, id, read=True))["unread"]
    assert not (await pages(harness, ben))[0]["unread"]
    assert (await mark(harness, ben, id, read=False))["unread"]
    assert (await pages(harness, ben))[0]["unread"]
    assert not (await pages(harness, ann))[0]["unread"]
    token = harness.cluster.token(cid, "read write")
    for method, path in (("POST", f"/{id}/mark"), ("DELETE", f"/{id}"), ("DELETE", "/x")):
        answer = await harness.feed.call(
            method, f"/conversations{path}", token=token, json={"read": True}
        )
        assert answer.status == 404
    await harness._ok(harness.feed, "DELETE", f"/conversations/{id}", ben)
    assert await last(harness, ben) == []
    assert await last(harness, ann) == [first]
    second = await write(harness, ann, f"{to_ben} again", first)
    await harness.cluster.settle()
    assert await last(harness, ben) == [second]
    assert (await pages(harness, ben))[0]["unread"]


async def test_conversations_with_hidden_users_only_are_hidden(harness: FeedHarness) -> None:
    (ann, to_ann), (ben, to_ben), (cid, to_cid) = await names(harness, 3)
    two = await write(harness, ben, f"{to_ann} hi")
    mine = await write(harness, ann, f"{to_ben} hi", two)
    three = await write(harness, cid, f"{to_ann} {to_ben} hi")
    later = await write(harness, ben, f"{to_ann} {to_cid} hi", three)
    await harness.cluster.settle()
    assert await last(harness, ann) == [later, mine]
    for what, back, who, whom in (
        ("mute", "unmute", ann, ben),
        ("block", "unblock", ann, ben),
        ("block", "unblock", ben, ann),
    ):
        await harness.follow(who, whom, what)
        await harness.cluster.settle()
        assert await last(harness, ann) == [three], what
        await harness.follow(who, whom, back)
        await harness.cluster.settle()
        assert await last(harness, ann) == [later, mine]


async def test_the_data_export_has_conversations(harness: FeedHarness) -> None:
    (ann, _), (ben, to_ben) = await names(harness, 2)
    post = await write(harness, ann, f"{to_ben} hi")
    await harness.cluster.settle()
    (one,) = await belongings(harness.feed, ben, "conversations")
    assert (one["with"], one["account"], one["post"], one["unread"]) == ([ann], ann, post, True)
    token = harness.cluster.token(ben, "read write")
    assert await is_for_the_archivist_alone(harness.feed, ben, "conversations", token)


async def test_pages_go_through_all_conversations_at_the_same_price(harness: FeedHarness) -> None:
    (ann, to_ann), *others = await names(harness, 4)
    made = [await write(harness, others[n % 3][0], f"{to_ann} {n}") for n in range(30)]
    for n in range(10):
        made.append(await write(harness, ann, f"{others[n % 3][1]} re", made[n]))
    await harness.cluster.settle()
    right = sorted([*made[10:30], *made[30:]], reverse=True)
    found: list[str] = []
    costs = []
    while True:
        before = harness.feed.sidecar.state.faults.count()
        page = await last(harness, ann, limit=7, **({"max_id": found[-1]} if found else {}))
        costs.append(harness.feed.sidecar.state.faults.count() - before)
        if not page:
            break
        found += page
    assert found == right
    assert max(costs) <= 6
    assert await last(harness, ann, limit=7, min_id=right[20]) == right[13:20]


WRITING = st.lists(
    st.tuples(st.sampled_from(["write", "answer", "answer", "delete"]), st.integers(0, 40)),
    max_size=16,
)


@settings(max_examples=12)
@given(WRITING, st.integers(0, 1000), st.integers(1, 2), st.sets(st.integers(0, 60)))
def test_conversations_agree_with_posts_under_loss_repeats_and_any_order(
    actions: list[tuple[str, int]], seed: int, copies: int, lost: set[int]
) -> None:
    asyncio.run(_actions(actions, seed, copies, lost))


async def _actions(actions: list[tuple[str, int]], seed: int, copies: int, lost: set[int]) -> None:
    async with FakeCluster() as cluster:
        harness = FeedHarness(
            cluster,
            await start(cluster, "users", users_app),
            await start(cluster, "posts", posts_app),
            await start(cluster, "feed", feed_app),
        )
        people = await names(harness, 3)
        await cluster.settle()
        numbers, dice = iter(range(10_000)), random.Random(seed)  # noqa: S311
        cluster.broker.loses = lambda _: next(numbers) in lost
        cluster.broker.copies = copies
        cluster.broker.hold()

        async def flicker(_: Call) -> None:
            if dice.random() < 0.03:
                raise Unavailable("a bad moment")

        harness.feed.sidecar.state.faults.before.append(flicker)
        alive: list[tuple[str, str]] = []
        threads: dict[str, list[tuple[str, set[str]]]] = {}
        for verb, which in actions:
            if verb == "delete" and alive:
                author, id = alive.pop(which % len(alive))
                await harness.delete(author, id)
                threads = {root: [p for p in of if p[0] != id] for root, of in threads.items()}
                continue
            (author, _), (other, name) = dice.sample(people, 2)
            seen = [root for root, of in threads.items() if of and {author, other} <= of[-1][1]]
            root = dice.choice(seen) if verb == "answer" and seen else ""
            above = threads[root][-1][0] if root else None
            id = await write(harness, author, f"{name} {which}", above)
            alive.append((author, id))
            threads.setdefault(root or id, []).append((id, {author, other}))
        cluster.broker.release(seed=seed)
        await cluster.settle(12)
        harness.feed.sidecar.state.faults.before.clear()
        for person, _ in people:
            right = [of[-1][0] for of in threads.values() if of and person in of[-1][1]]
            assert await last(harness, person, limit=40) == sorted(right, reverse=True)
            rows = await _rows(harness, person)
            assert {row[0] for row in rows} >= {*right}


async def _deliver(harness: FeedHarness, event: dict[str, Any]) -> bool:
    """Deliver an event of a post to the feed; return whether it was handled."""
    return await harness.feed.deliver("posts", event) == "SUCCESS"


async def _reply_and_its_deletion(
    harness: FeedHarness,
) -> tuple[list[str], str, list[dict[str, Any]]]:
    """Return the participants of a conversation, its first post, and two events of its second."""
    (ann, to_ann), (ben, to_ben) = await names(harness, 2)
    first = await write(harness, ann, f"{to_ben} hi")
    await harness.cluster.settle()
    harness.cluster.broker.hold()
    reply = await write(harness, ben, f"{to_ann} hi", first)
    await harness.delete(ben, reply)
    await until(lambda: not any(one.backlog for one in harness.posts.service.outboxes.values()))
    found = [e for e in harness.cluster.broker.events("posts") if e["subject"] == reply]
    return [ann, ben], first, found


async def _only_the_first(harness: FeedHarness, people: list[str], first: str) -> None:
    for person in people:
        assert await last(harness, person) == [first]
        assert [row[0] for row in await _rows(harness, person)] == [first]


def _fails_from(nth: int) -> Hook:
    """Return a hook that refuses calls about conversations, from the nth on."""
    numbers = iter(range(1, 10_000))

    async def refuse(call: Call) -> None:
        if any(key.startswith("conversation") for key in call.about) and next(numbers) >= nth:
            raise RuntimeError("not reachable")  # which is not retried at once

    return refuse


@pytest.mark.parametrize("nth", [1, 5, 9, 13])
async def test_a_post_that_was_half_added_when_its_deletion_came_is_removed(
    harness: FeedHarness, nth: int
) -> None:
    people, first, (created, deleted) = await _reply_and_its_deletion(harness)
    hooks, refuse = harness.feed.sidecar.state.faults.before, _fails_from(nth)
    hooks.append(refuse)
    assert not await _deliver(harness, created)
    hooks.remove(refuse)
    assert await _deliver(harness, deleted)
    assert await _deliver(harness, created)
    await _only_the_first(harness, people, first)


@pytest.mark.parametrize("nth", [1, 3, 7, 11])
async def test_a_deletion_that_overtakes_its_post_and_fails_is_repeated(
    harness: FeedHarness, nth: int
) -> None:
    people, first, (created, deleted) = await _reply_and_its_deletion(harness)
    faults, refuse = harness.feed.sidecar.state.faults, _fails_from(nth)

    async def overtakes(call: Call) -> None:
        if f"card:{created['subject']}" in call.about:
            faults.after.remove(overtakes)
            assert await _deliver(harness, created)
            faults.before.append(refuse)

    faults.after.append(overtakes)
    assert not await _deliver(harness, deleted)
    faults.before.remove(refuse)
    assert await _deliver(harness, deleted)
    await _only_the_first(harness, people, first)


async def _rows(harness: FeedHarness, person: str) -> list[list[Any]]:
    return await SegmentedLists(harness.cluster.state("feed"), "conversations").all(person)


# ── rules ───────────────────────────────────────────────────────────────────────────────────


def test_an_id_is_of_the_thread_and_of_all_who_are_in_it() -> None:
    post = {"id": "9", "author": "1", "mentions": [{"id": "2"}], "path": [["5", "2"], ["7", "1"]]}
    back = {"id": "10", "author": "2", "mentions": [{"id": "1"}], "path": [["5", "2"]]}
    wider = {**back, "mentions": [{"id": "1"}, {"id": "3"}]}
    assert (
        rules.conversation_id(post) == rules.conversation_id(back) != rules.conversation_id(wider)
    )
    assert len(rules.conversation_id(post)) == 18


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_an_author_has_read_earlier_posts_in_any_order(order: tuple[int, ...]) -> None:
    posts = [
        {"id": "1", "author": "8", "mentions": [{"id": "9"}]},
        {"id": "2", "author": "9", "mentions": [{"id": "8"}]},
        {"id": "3", "author": "8", "mentions": [{"id": "9"}]},
    ]
    known = None
    for place in order:
        known = rules.with_post(known, "9", posts[place])
    assert known is not None
    assert known.is_unread("9", known.last_post)
    assert not rules.without_post(known, "3").is_unread("9", "2")
    assert not rules.set_read(known, read=True).is_unread("9", "3")
    assert rules.set_read(rules.set_read(known, read=True), read=False).is_unread("9", "3")


def test_a_long_conversation_keeps_its_newest_posts() -> None:
    known = None
    for n in range(rules.MAX_POSTS + 5):
        post = {"id": f"{n:05}", "author": "8", "mentions": []}
        known = rules.with_post(known, "8", post)
    assert known is not None
    assert known.visible_posts[-1] == "00005"
