"""Queries of threads."""

from __future__ import annotations

import pytest

from services.contracts.comments import Comment, ReplyCount
from services.contracts.limits import MAX_PATH
from tests.services.comments.harness import CommentsHarness

NOTHING: dict[str, list[str]] = {"ancestors": [], "descendants": []}


async def test_a_thread_is_above_and_below_in_reading_order(harness: CommentsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root = await ann.create_post("root")
    a = await bob.create_post("a", in_reply_to_id=root)
    b = await ann.create_post("b", in_reply_to_id=root)
    aa = await ann.create_post("aa", in_reply_to_id=a)
    aaa = await bob.create_post("aaa", in_reply_to_id=aa)
    bb = await bob.create_post("bb", in_reply_to_id=b)
    ab = await bob.create_post("ab", in_reply_to_id=a, visibility="direct")
    await harness.cluster.settle()
    assert await harness.thread(aa, ann) == {"ancestors": [root, a], "descendants": [aaa]}
    assert await harness.thread(root, ann) == {
        "ancestors": [],
        "descendants": [a, aa, aaa, ab, b, bb],
    }
    assert (await harness.thread(root, ann, descendants="2"))["descendants"] == [a, aa]
    assert (await harness.thread(aa, ann, descendants="0"))["ancestors"] == [root, a]
    await harness.check_consistency()


async def test_a_deep_thread_is_whole_for_people_and_bounded_for_strangers(
    harness: CommentsHarness,
) -> None:
    ann = harness.add_user("ann")
    ids = [await ann.create_post("0")]
    for n in range(1, 3 * MAX_PATH):
        ids.append(await ann.create_post(str(n), in_reply_to_id=ids[-1]))
    await harness.cluster.settle()
    middle = 2 * MAX_PATH
    assert await harness.thread(ids[middle], ann) == {
        "ancestors": ids[:middle],
        "descendants": ids[middle + 1 :],
    }
    assert await harness.thread(ids[middle]) == {
        "ancestors": [ids[0], *ids[middle - 39 : middle]],
        "descendants": ids[middle + 1 : middle + 21],
    }


async def test_a_thread_of_500_costs_as_many_state_calls_as_one_of_five(
    harness: CommentsHarness,
) -> None:
    ann = harness.add_user("ann")
    costs = []
    for size in (5, 500):
        ids = [await ann.create_post("0")]
        for n in range(size):
            ids.append(await ann.create_post(str(n), in_reply_to_id=ids[n // 2]))
        await harness.cluster.settle()
        for id in (ids[0], ids[1]):
            before = harness.comments.sidecar.state.faults.count()
            thread = await harness.thread(id, ann)
            costs.append((harness.comments.sidecar.state.faults.count() - before, len(thread)))
        assert sorted(await harness.descendants(ids[0], ann)) == ids[1:]
    assert max(cost for cost, _ in costs) <= 3


async def test_a_new_comment_takes_two_reads(harness: CommentsHarness) -> None:
    ann = harness.add_user("ann")
    root = await ann.create_post("root")
    await ann.create_post("first", in_reply_to_id=root)
    await harness.cluster.settle()
    faults = harness.comments.sidecar.state.faults
    calls = len(faults.calls)
    await ann.create_post("second", in_reply_to_id=root)
    await harness.cluster.settle()
    names = [
        call.name
        for call in faults.calls[calls:]
        if not call.about[0].startswith(("inbox:", "streams:"))
    ]
    assert sorted(names) == ["compare_and_set"] * 2 + ["get_many"] * 2 + ["transact"]


async def test_anonymous_readers_see_the_first_sixty_comments(harness: CommentsHarness) -> None:
    ann = harness.add_user("ann")
    root = await ann.create_post("root")
    ids = [await ann.create_post(str(n), in_reply_to_id=root) for n in range(70)]
    await harness.cluster.settle()
    assert (await harness.thread(root))["descendants"] == ids[:60]
    assert await harness.descendants(root, ann) == ids


async def test_a_post_without_comments_has_an_empty_thread(harness: CommentsHarness) -> None:
    ann = harness.add_user("ann")
    post = await ann.create_post("alone")
    await harness.cluster.settle()
    assert await harness.thread(post, ann) == await harness.thread("1", ann) == NOTHING


@pytest.mark.parametrize("id", ["x", "-1", "9" * 21, "1%2F2"])
async def test_invalid_ids_are_not_found(harness: CommentsHarness, id: str) -> None:
    assert (await harness.comments.call("GET", f"/threads/{id}")).status == 404


@pytest.mark.parametrize("most", ["-1", "1025", "x"])
async def test_no_more_is_asked_for_than_is_given(harness: CommentsHarness, most: str) -> None:
    answer = await harness.comments.call("GET", "/threads/1", params={"descendants": most})
    assert answer.status == 422


async def test_counts_of_comments_are_published(harness: CommentsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root = await ann.create_post("root")
    comment = await bob.create_post("a", in_reply_to_id=root)
    await ann.create_post("only you, @bob", in_reply_to_id=comment, visibility="direct")
    await harness.cluster.settle()
    (count,) = harness.cluster.broker.events("comment-counts")
    assert ReplyCount.model_validate(count["data"]) == ReplyCount(post=root, total=1)
    assert (await bob.request_ok("GET", f"/posts/{root}"))["counts"]["replies"] == 1
    assert (await bob.request_ok("GET", f"/posts/{comment}"))["counts"]["replies"] == 0


async def test_a_comment_is_published_when_it_is_moved_or_deleted(harness: CommentsHarness) -> None:
    ann = harness.add_user("ann")
    root = await ann.create_post("root")
    upper = await ann.create_post("upper", in_reply_to_id=root)
    lower = await ann.create_post("lower", in_reply_to_id=upper)
    await harness.cluster.settle()
    assert harness.cluster.broker.events("comments") == []
    assert [*harness.cluster.state("comments").keys("journal:comments:")] == []
    await ann.request_ok("DELETE", f"/posts/{upper}")
    await harness.cluster.settle()
    events = harness.cluster.broker.events("comments")
    published = {event["subject"]: Comment.model_validate(event["data"]) for event in events}
    assert {id: (each.parent, each.deleted) for id, each in published.items()} == {
        upper: (root, True),
        lower: (root, False),
    }
    assert [event["entityversion"] for event in events] == [2, 2]
    await harness.check_consistency()
