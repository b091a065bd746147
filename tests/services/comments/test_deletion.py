"""Replies to deleted posts, whatever fails on the way."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import Unavailable
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts.limits import MAX_PATH
from tests.fakes import Call, FakeCluster
from tests.services.comments.harness import CommentsHarness, comments_app, rows
from tests.services.posts.harness import PostsUser, posts_app


async def test_a_post_takes_its_whole_thread_along_and_nothing_else(
    harness: CommentsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root, other = await ann.create_post("root"), await ann.create_post("another")
    a = await bob.create_post("a", in_reply_to_id=root)
    aa = await ann.create_post("aa", in_reply_to_id=a)
    aaa = await bob.create_post("aaa", in_reply_to_id=aa, visibility="direct")
    b = await bob.create_post("b", in_reply_to_id=root)
    elsewhere = await bob.create_post("elsewhere", in_reply_to_id=other)
    await harness.cluster.settle()
    await ann.request_ok("DELETE", f"/posts/{a}")
    await harness.cluster.settle()
    assert [await bob.get_status(id) for id in (root, a, aa, aaa, b)] == [200, 404, 404, 404, 200]
    assert await harness.descendants(root, ann) == [b]
    assert (await ann.request_ok("GET", f"/posts/{root}"))["counts"]["replies"] == 1
    await harness.check_consistency()
    await ann.request_ok("DELETE", f"/posts/{root}")
    await harness.cluster.settle()
    assert [await bob.get_status(id) for id in (root, b, other, elsewhere)] == [404, 404, 200, 200]
    assert await harness.descendants(root, ann) == []
    assert harness.stored_post(b)["text"] == ""
    await harness.check_consistency()


async def test_who_deletes_their_own_comment_leaves_what_others_wrote_below_it(
    harness: CommentsHarness,
) -> None:
    ann, bob, cora = (harness.add_user(name) for name in ("ann", "bob", "cora"))
    root = await ann.create_post("root")
    a = await bob.create_post("a", in_reply_to_id=root)
    aa = await cora.create_post("aa", in_reply_to_id=a)
    aaa = await ann.create_post("aaa", in_reply_to_id=aa)
    ab = await ann.create_post("ab", in_reply_to_id=a)
    b = await cora.create_post("b", in_reply_to_id=root)
    await harness.cluster.settle()
    await bob.request_ok("DELETE", f"/posts/{a}")
    await harness.cluster.settle()
    assert [await bob.get_status(id) for id in (root, a, aa, aaa, ab, b)] == [
        200,
        404,
        200,
        200,
        200,
        200,
    ]
    assert await harness.descendants(root, ann) == [aa, aaa, ab, b]
    assert await harness.thread(aaa, ann) == {"ancestors": [root, aa], "descendants": []}
    left = await cora.request_ok("GET", f"/posts/{aa}")
    assert left["post"]["in_reply_to_id"] == root
    assert left["post"]["in_reply_to_account_id"] == ann.id
    assert left["post"]["edited_at"] is None
    assert (await ann.request_ok("GET", f"/posts/{root}"))["counts"]["replies"] == 3
    await harness.check_consistency()
    await cora.request_ok("DELETE", f"/posts/{aa}")
    await harness.cluster.settle()
    assert await harness.descendants(root, ann) == [aaa, ab, b]
    late = await bob.create_post("late", in_reply_to_id=aaa)
    await harness.cluster.settle()
    assert await harness.thread(late, ann) == {"ancestors": [root, aaa], "descendants": []}
    await harness.check_consistency()


async def test_an_admin_removes_a_comment_and_leaves_what_others_wrote_below_it(
    harness: CommentsHarness,
) -> None:
    ann, bob, cora = (harness.add_user(name) for name in ("ann", "bob", "cora"))
    root = await ann.create_post("root")
    a = await bob.create_post("a", in_reply_to_id=root)
    aa = await cora.create_post("aa", in_reply_to_id=a)
    await harness.cluster.settle()
    admin = harness.add_user("admin", "admin:write:reports")
    await admin.request_ok("DELETE", f"/posts/{a}")
    await harness.cluster.settle()
    assert await harness.descendants(root, ann) == [aa]
    await harness.check_consistency()


async def test_an_answer_names_no_post_that_its_readers_may_not_know_of(
    harness: CommentsHarness,
) -> None:
    ann, bob, cora, _ = (harness.add_user(name) for name in ("ann", "bob", "cora", "dora"))
    secret = await ann.create_post("@bob @cora only us", visibility="direct")
    answer = await bob.create_post("@cora hm", in_reply_to_id=secret, visibility="direct")
    loud = await cora.create_post("for all", in_reply_to_id=answer)
    quiet = await cora.create_post("@ann @bob still us", in_reply_to_id=answer, visibility="direct")
    wider = await cora.create_post("@ann @dora come", in_reply_to_id=answer, visibility="direct")
    await harness.cluster.settle()
    await bob.request_ok("DELETE", f"/posts/{answer}")
    await harness.cluster.settle()
    named = {id: harness.stored_post(id)["in_reply_to_id"] for id in (loud, quiet, wider)}
    assert named == {loud: answer, quiet: secret, wider: answer}
    assert await harness.descendants(secret, ann) == [loud, quiet, wider]
    await harness.check_consistency()


async def test_a_conversation_outlives_its_first_message(harness: CommentsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    first = await ann.create_post("@bob hi", visibility="direct")
    second = await bob.create_post("@ann hi", in_reply_to_id=first, visibility="direct")
    third = await ann.create_post("@bob bye", in_reply_to_id=second, visibility="direct")
    await harness.cluster.settle()
    await ann.request_ok("DELETE", f"/posts/{first}")
    await harness.cluster.settle()
    assert [await bob.get_status(id) for id in (first, second, third)] == [404, 200, 200]
    assert await harness.descendants(second, bob) == [third]
    late = await bob.create_post("@ann bye", in_reply_to_id=third, visibility="direct")
    await harness.cluster.settle()
    assert await harness.descendants(second, ann) == [third, late]


async def test_hundreds_of_answers_stay_when_their_comment_goes(harness: CommentsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root = await ann.create_post("root")
    a = await bob.create_post("a", in_reply_to_id=root)
    ids = [await ann.create_post(str(n), in_reply_to_id=a) for n in range(130)]
    await harness.cluster.settle()
    await bob.request_ok("DELETE", f"/posts/{a}")
    await harness.cluster.settle()
    assert await harness.descendants(root, ann) == ids
    assert (await ann.request_ok("GET", f"/posts/{root}"))["counts"]["replies"] == 130
    await harness.check_consistency()


async def test_below_more_deleted_comments_than_a_path_names_the_thread_holds_together(
    harness: CommentsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    ids = [await ann.create_post("0")]
    for n in range(1, 2 * MAX_PATH + 5):
        ids.append(await bob.create_post(str(n), in_reply_to_id=ids[-1]))
    await harness.cluster.settle()
    for id in ids[2:-1]:
        await bob.request_ok("DELETE", f"/posts/{id}")
    late = await ann.create_post("late", in_reply_to_id=ids[-1])
    await harness.cluster.settle()
    assert await harness.thread(late, ann) == {
        "ancestors": [ids[0], ids[1], ids[-1]],
        "descendants": [],
    }
    assert harness.stored_post(ids[-1])["in_reply_to_id"] == ids[1]
    assert await harness.descendants(ids[0], ann) == [ids[1], ids[-1], late]


async def test_a_deleted_post_takes_no_comments(harness: CommentsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root = await ann.create_post("root")
    a = await bob.create_post("a", in_reply_to_id=root)
    await ann.request_ok("DELETE", f"/posts/{root}")
    await harness.cluster.settle()
    for id in (root, a):
        reply = await bob.request("POST", "/posts", json={"text": "late", "in_reply_to_id": id})
        assert reply.status == 404


@pytest.mark.parametrize("depth", [0, 1])
async def test_a_comment_made_while_the_post_above_is_deleted_has_its_place(
    harness: CommentsHarness, depth: int
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    above = await ann.create_post("root")
    for _ in range(depth):
        above = await ann.create_post("again", in_reply_to_id=above)
    await harness.cluster.settle()
    deleting: list[str] = []

    async def delete_first(call: Call) -> None:
        if f"post:{above}" in call.about and not deleting:  # it was read, to be written below
            deleting.append(above)
            await ann.request_ok("DELETE", f"/posts/{above}")
            await harness.cluster.settle()

    harness.posts.sidecar.state.faults.after.append(delete_first)
    late = await bob.create_post("late", in_reply_to_id=above)
    assert deleting
    await harness.cluster.settle()
    assert await bob.get_status(late) == (200 if depth else 404)
    await harness.check_consistency()


@pytest.mark.parametrize("seed", range(8))
async def test_a_removal_that_dies_halfway_is_finished(harness: CommentsHarness, seed: int) -> None:
    ann, dice = harness.add_user("ann"), random.Random(seed)  # noqa: S311
    ids = [await ann.create_post("root")]
    for n in range(30):
        parent = ids[dice.randrange(max(0, n - 5), n + 1)]
        visibility = dice.choice(["public", "private"])
        ids.append(await ann.create_post(str(n), in_reply_to_id=parent, visibility=visibility))
    await harness.cluster.settle()
    deleted = [ids[0]] if seed % 2 else dice.sample(ids[1:], 6)
    await asyncio.gather(*(ann.request_ok("DELETE", f"/posts/{id}") for id in deleted))
    for _ in range(dice.randrange(40)):
        await asyncio.sleep(0)
    await harness.comments.kill()
    await harness.posts.kill()
    harness.posts = await harness.cluster.start(posts_app, "posts")
    harness.comments = await harness.cluster.start(comments_app, "comments")
    await harness.cluster.settle(4)
    gone = ids if seed % 2 else deleted
    assert [id for id in ids if await ann.get_status(id) == 404] == [id for id in ids if id in gone]
    await harness.check_consistency()


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["reply", "reply", "reply", "delete", "remove"]), st.integers(0, 40)),
    max_size=25,
)


@settings(max_examples=15)
@given(ACTIONS, st.integers(0, 1000), st.integers(1, 2), st.sets(st.integers(0, 60)))
def test_counts_equal_lists_under_loss_repeats_and_any_order(
    actions: list[tuple[str, int]], seed: int, copies: int, lost: set[int]
) -> None:
    asyncio.run(_actions(actions, seed, copies, lost))


async def _actions(actions: list[tuple[str, int]], seed: int, copies: int, lost: set[int]) -> None:
    async with FakeCluster() as cluster:
        harness = await CommentsHarness.start(cluster)
        await cluster.start(comments_app, "comments")  # a second replica subscribes too
        people = [harness.add_user(name) for name in ("ann", "bob")]
        numbers, dice = iter(range(10_000)), random.Random(seed)  # noqa: S311
        cluster.broker.loses = lambda _: next(numbers) in lost
        cluster.broker.copies = copies
        cluster.broker.hold()
        alive = [(people[0], await people[0].create_post("root"))]
        for verb, which in actions:
            author, id = alive[which % len(alive)]
            person = dice.choice(people)
            if verb == "delete":
                await author.request_ok("DELETE", f"/posts/{id}")
                alive.remove((author, id))
            elif verb == "remove":  # the author of the topmost post, whoever made the comment
                await people[0].request("DELETE", f"/posts/{id}")
                alive = [one for one in alive if not harness.stored_post(one[1])["deleted"]]
            else:
                visibility = dice.choice(["public", "public", "direct"])
                body = {"text": "re", "in_reply_to_id": id, "visibility": visibility}
                made = await person.request("POST", "/posts", json=body)
                if made.status == 200:
                    alive.append((person, made.json()["post"]["id"]))
            if not alive:
                alive.append((people[0], await people[0].create_post("root")))
        cluster.broker.release(seed=seed)
        await cluster.settle(16)  # news of news of news may be lost, each found after two polls
        await harness.check_consistency()


@pytest.mark.parametrize("seed", range(6))
async def test_counts_stay_right_while_many_comment_and_delete_at_once(
    harness: CommentsHarness, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    await harness.cluster.start(comments_app, "comments")
    await harness.cluster.start(posts_app, "posts")
    people = [harness.add_user(f"p{n}") for n in range(4)]
    made = [(people[0], await people[0].create_post("root"))]

    async def dawdle(_: Call) -> None:
        for _turn in range(dice.choice((0, 0, 1, 5))):
            await asyncio.sleep(0)
        if dice.random() < 0.02:
            raise Unavailable("a bad moment")

    async def act(person: PostsUser) -> None:
        owner, id = dice.choice(made)
        if id != made[0][1] and dice.random() < 0.25:
            await dice.choice([owner, people[0]]).request("DELETE", f"/posts/{id}")
            return
        answer = await person.request("POST", "/posts", json={"text": "re", "in_reply_to_id": id})
        if answer.status == 200:
            made.append((person, answer.json()["post"]["id"]))

    for running in harness.cluster.running:
        running.sidecar.state.faults.before.append(dawdle)
    for _ in range(12):
        await asyncio.gather(*(act(person) for person in people))
    for running in harness.cluster.running:
        running.sidecar.state.faults.before.clear()
    await harness.cluster.settle(4)
    assert len(made) > 10
    await harness.check_consistency()


async def test_hundreds_of_comments_go_with_their_post(harness: CommentsHarness) -> None:
    ann = harness.add_user("ann")
    root = await ann.create_post("root")
    ids = [await ann.create_post(str(n), in_reply_to_id=root) for n in range(150)]
    await harness.cluster.settle()
    await ann.request_ok("DELETE", f"/posts/{root}")
    await harness.cluster.settle()
    assert not [id for id in ids if not harness.stored_post(id)["deleted"]]
    await harness.check_consistency()


async def test_a_row_that_a_moved_comment_left_behind_goes_when_its_event_comes_again(
    harness: CommentsHarness,
) -> None:
    """The process died between the row in the former parent's list and the move out of it."""
    ann, bob, cora = (harness.add_user(name) for name in ("ann", "bob", "cora"))
    root = await ann.create_post("root")
    a = await bob.create_post("a", in_reply_to_id=root)
    aa = await cora.create_post("aa", in_reply_to_id=a)
    await harness.cluster.settle()
    events = harness.cluster.broker.events("posts")
    (written,) = (event for event in events if event["subject"] == aa)
    await bob.request_ok("DELETE", f"/posts/{a}")
    await harness.cluster.settle()
    comments = harness.cluster.state("comments")
    left_behind = SegmentedLists(comments, "replies")
    await left_behind.insert(a, [[aa, cora.id]])
    assert await harness.comments.deliver("posts", written) == "SUCCESS"
    assert await rows(comments, "replies", a) == set()
    assert await rows(comments, "replies", root) == {aa}
    await harness.check_consistency()
