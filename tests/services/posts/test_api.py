"""The routes of posts, with fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.chassis.errors import Unavailable
from services.chassis.publishing import outbox
from services.contracts.accounts import Model
from services.contracts.posts import (
    PostList,
    PostVersion,
    PostView,
    Reactors,
)
from tests.fakes import FakeCluster
from tests.services.posts.harness import PostsHarness, posts_app


@pytest.fixture(params=["sqlite", "redis"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[PostsHarness]:
    async with FakeCluster(like=request.param) as cluster:
        yield await PostsHarness.start(cluster)


# ── making ──────────────────────────────────────────────────────────────────────────────────


async def test_a_post_is_what_was_asked_for_and_can_be_read_by_everybody(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    made = await ann.request_ok(
        "POST",
        "/posts",
        json={
            "text": "Hi @bob and @nobody #First",
            "media_ids": ["5", "6"],
            "spoiler_text": "light",
            "language": "EN",
            "application": "toot",
        },
    )
    view = PostView.model_validate(made, strict=False)
    assert made == view.model_dump(mode="json")
    post = view.post
    assert (post.author, post.text, post.tags) == (ann.id, "Hi @bob and @nobody #First", ["first"])
    assert [mention.id for mention in post.mentions] == [bob.id]
    assert [picture.id for picture in post.attachments] == ["5", "6"]
    assert (post.sensitive, post.language, post.visibility) == (True, "en", "public")
    assert await bob.request_ok("GET", f"/posts/{post.id}") == made
    assert (await harness.posts.call("GET", f"/posts/{post.id}")).json() == made


async def test_a_direct_post_is_for_those_whom_it_names_and_for_nobody_in_a_link(
    harness: PostsHarness,
) -> None:
    ann, bob, cid = harness.add_user("ann"), harness.add_user("bob"), harness.add_user("cid")
    for text, named in (
        ("@bob between us: https://example.org/search?author=@cid", [bob]),
        ("hello @cid@127.0.0.1:8080 !", [cid]),
        ("hello @cid@example.org, https://example.org/#@cid", []),
    ):
        body = {"text": text, "visibility": "direct"}
        post = (await ann.request_ok("POST", "/posts", json=body))["post"]
        assert [mention["id"] for mention in post["mentions"]] == [one.id for one in named]
        edited = await ann.request_ok("PUT", f"/posts/{post['id']}", json={"text": f"{text} #x"})
        assert edited["post"]["mentions"] == post["mentions"]
        for person in (bob, cid):
            response = await person.request("GET", f"/posts/{post['id']}")
            assert response.status == (200 if person in named else 404)


async def test_the_same_key_gives_the_same_post_once(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    body = {"text": "once", "idempotency_key": "k", "media_ids": ["5"]}
    views = await asyncio.gather(*(ann.request_ok("POST", "/posts", json=body) for _ in range(5)))
    assert len({view["post"]["id"] for view in views}) == 1
    assert len(harness.cluster.state("posts").keys("post:")) == 1
    again = await ann.request("POST", "/posts", json={**body, "text": "twice"})
    assert (again.status, again.json()["code"]) == (422, "key_reused")
    filled_in = {"visibility": "public", "language": "en", "application": "toot"}
    later = await ann.request_ok("POST", "/posts", json={**body, **filled_in})
    assert later["post"]["id"] == views[0]["post"]["id"]
    closer = await ann.request("POST", "/posts", json={**body, "visibility": "private"})
    assert closer.status == 422
    other = await bob.request_ok("POST", "/posts", json={"text": "once", "idempotency_key": "k"})
    assert other["post"]["id"] != views[0]["post"]["id"]


@pytest.mark.parametrize("about", ["idempotency:", "journal:", "post:"])
async def test_a_crash_anywhere_in_making_a_post_leaves_it_once_after_a_repeat(
    harness: PostsHarness, about: str
) -> None:
    ann = harness.add_user("ann")
    body = {"text": "once", "idempotency_key": "k", "media_ids": ["5"]}
    for after in (False, True):
        harness.posts.sidecar.state.faults.crash(about=about, after=after)
        with pytest.raises(TimeoutError):
            await ann.request("POST", "/posts", json=body, deadline=0.2)
        await harness.posts.kill()
        harness.posts = await harness.cluster.start(posts_app, "posts")
    made = await ann.request_ok("POST", "/posts", json=body)
    assert harness.cluster.state("posts").keys("post:") == [f"post:{made['post']['id']}"]


async def test_a_refused_post_does_not_use_up_its_key(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    harness.neighbours.claims["5"] = "another post"
    body = {"text": "x", "idempotency_key": "k"}
    refused = await ann.request("POST", "/posts", json={**body, "media_ids": ["5"]})
    assert refused.status == 422
    await ann.request_ok("POST", "/posts", json={**body, "media_ids": ["6"]})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text": "a" * 2201}, 422),
        ({"text": 5}, 422),
        ({"text": "x", "visibility": "secret"}, 422),
        ({"text": "x", "in_reply_to_id": "116548273934401537"}, 404),
        ({"text": "x", "in_reply_to_id": "../x"}, 404),
        ({"text": "x", "media_ids": [str(n) for n in range(11)]}, 422),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_leaves_nothing(
    harness: PostsHarness, body: Any, status: int
) -> None:
    answer = await harness.add_user("ann").request("POST", "/posts", json=body)
    assert (answer.status, set(answer.json())) == (status, {"code", "message"})
    assert harness.cluster.state("posts").keys("post:") == []
    assert harness.neighbours.claims == {}


async def test_a_token_must_cover_what_is_done(harness: PostsHarness) -> None:
    reader = harness.add_user("ann", "read")
    assert (await reader.request("POST", "/posts", json={"text": "x"})).status == 403
    assert (await harness.posts.call("POST", "/posts", json={"text": "x"})).status == 401
    app = harness.cluster.token()
    assert (await harness.posts.call("POST", "/posts", token=app, json={"text": "x"})).status == 401


async def test_a_narrow_token_can_mention_and_reply(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob", "write:statuses read:statuses")
    id = await ann.create_post()
    assert await bob.create_post("yes @ann", in_reply_to_id=id)


# ── who sees what ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("visibility", "mentioned", "follower", "stranger", "nobody"),
    [
        ("public", 200, 200, 200, 200),
        ("unlisted", 200, 200, 200, 200),
        ("private", 200, 200, 404, 404),
        ("direct", 200, 404, 404, 404),
    ],
)
async def test_visibility_holds_on_every_route_by_id(
    harness: PostsHarness,
    visibility: str,
    mentioned: int,
    follower: int,
    stranger: int,
    nobody: int,
) -> None:
    ann, bob, cid, dan = (harness.add_user(name) for name in ("ann", "bob", "cid", "dan"))
    harness.neighbours.follows.add((cid.id, ann.id))
    id = await ann.create_post("to @bob", visibility=visibility)
    for person, status in ((ann, 200), (bob, mentioned), (cid, follower), (dan, stranger)):
        for route in ("", "/history", "/favourited_by"):
            assert (await person.request("GET", f"/posts/{id}{route}")).status == status
        for verb in ("favourite", "unfavourite", "bookmark", "unbookmark"):
            assert (await person.request("POST", f"/posts/{id}/{verb}")).status == status
        reply = {"text": "re", "in_reply_to_id": id, "visibility": "direct"}
        assert (await person.request("POST", "/posts", json=reply)).status == status
        some = await person.request_ok("GET", "/posts", params={"ids": f"{id},1"})
        assert len(some) == (status == 200)
        if person is not ann:
            refused = 403 if status == 200 else 404
            assert (await person.request("DELETE", f"/posts/{id}")).status == refused
            assert (await person.request("PUT", f"/posts/{id}", json={})).status == refused
    assert (await harness.posts.call("GET", f"/posts/{id}")).status == nobody


async def test_whom_one_blocks_one_neither_likes_nor_boosts(harness: PostsHarness) -> None:
    author, reader = harness.add_user("anna"), harness.add_user("berta")
    post = await author.create_post()
    await reader.request_ok("POST", f"/posts/{post}/favourite")
    harness.neighbours.blocks.add((reader.id, author.id))
    for verb in ("favourite", "reblog"):
        refused = await reader.request("POST", f"/posts/{post}/{verb}", json={})
        assert refused.status == 403
    assert await reader.get_status(post) == 200
    await reader.request_ok("POST", f"/posts/{post}/bookmark")
    await reader.request_ok("POST", f"/posts/{post}/unfavourite")
    await harness.cluster.settle()
    assert (await author.request_ok("GET", f"/posts/{post}"))["counts"]["favourites"] == 0


async def test_who_is_blocked_by_the_author_neither_sees_nor_reacts(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    harness.neighbours.follows.add((bob.id, ann.id))
    harness.neighbours.blocks.add((ann.id, bob.id))
    open_, closed = await ann.create_post(), await ann.create_post("@bob", visibility="private")
    for id in (open_, closed):
        assert await bob.get_status(id) == 404
        for verb in ("favourite", "bookmark", "reblog"):
            assert (await bob.request("POST", f"/posts/{id}/{verb}")).status == 404
    assert (await harness.posts.call("GET", f"/posts/{open_}")).status == 200
    reply = await bob.request("POST", "/posts", json={"text": "x", "in_reply_to_id": open_})
    assert reply.status == 404


async def test_public_posts_are_read_with_one_state_call_and_one_question_about_all_authors(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    ids = [await ann.create_post(f"post {n}") for n in range(20)]
    await harness.cluster.settle()
    calls = harness.state_call_count()
    views = await bob.request_ok("GET", "/posts", params={"ids": ",".join(ids)})
    assert [view["post"]["id"] for view in views] == ids
    assert harness.state_call_count() == calls + 1
    asked = [c for c in harness.posts.sidecar.faults.calls if c.about[1] == "users/relationships"]
    assert len(asked) == 1
    await harness.posts.call("GET", "/posts", params={"ids": ",".join(ids)})
    assert harness.state_call_count() == calls + 2


async def test_invalid_ids_are_not_found(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    for id in ("x", "1", "-1", "9" * 21, "1%2F2", "1%7C%7C2"):
        assert await ann.get_status(id) == 404


# ── editing and deleting ────────────────────────────────────────────────────────────────────


async def test_an_edit_is_seen_and_its_history_kept(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    id = await ann.create_post("one", media_ids=["5"])
    first = await ann.request_ok(
        "PUT", f"/posts/{id}", json={"text": "two #b", "media_ids": ["6", "5"]}
    )
    await ann.request_ok("PUT", f"/posts/{id}", json={"text": "two #b"})
    view = await ann.request_ok("PUT", f"/posts/{id}", json={"spoiler_text": "s"})
    assert (view["post"]["text"], view["post"]["tags"]) == ("two #b", ["b"])
    assert [picture["id"] for picture in view["post"]["attachments"]] == ["6", "5"]
    assert (first["version"], view["version"]) == (2, 3)
    assert view["post"]["edited_at"] >= first["post"]["edited_at"] > view["post"]["created_at"]
    rows = await ann.request_ok("GET", f"/posts/{id}/history")
    assert [PostVersion.model_validate(row).text for row in rows] == ["one", "two #b", "two #b"]
    assert [row["created_at"] for row in rows] == [
        view["post"]["created_at"],
        first["post"]["edited_at"],
        view["post"]["edited_at"],
    ]


async def test_an_edit_may_name_the_version_that_was_read(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    id = await ann.create_post("one")
    first = {"json": {"text": "two"}, "headers": {"if-match": '"1"'}}
    assert (await ann.request("PUT", f"/posts/{id}", **first)).status == 200
    assert (await ann.request("PUT", f"/posts/{id}", **first)).status == 200  # a repeat
    second = {"json": {"text": "three"}, "headers": {"if-match": '"1"'}}
    assert (await ann.request("PUT", f"/posts/{id}", **second)).status == 412
    view = await ann.request_ok("GET", f"/posts/{id}")
    assert (view["post"]["text"], view["version"]) == ("two", 2)


async def test_of_two_edits_of_one_version_one_is_refused(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    id = await ann.create_post("one")
    answers = await asyncio.gather(
        *(
            ann.request("PUT", f"/posts/{id}", json={"text": text}, headers={"if-match": '"1"'})
            for text in ("two", "three")
        )
    )
    assert sorted(answer.status for answer in answers) == [200, 412]


async def test_edits_at_the_same_time_are_all_in_the_history(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    id = await ann.create_post("0")
    texts = [str(n) for n in range(1, 4)]
    await asyncio.gather(*(ann.request_ok("PUT", f"/posts/{id}", json={"text": t}) for t in texts))
    rows = await ann.request_ok("GET", f"/posts/{id}/history")
    assert rows[0]["text"] == "0"
    assert sorted(row["text"] for row in rows) == ["0", *texts]


async def test_a_deleted_post_and_its_text_disappear_everywhere(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post("secret words", media_ids=["5"])
    await ann.request_ok("PUT", f"/posts/{id}", json={"text": "other secret words"})
    await bob.request_ok("POST", f"/posts/{id}/favourite")
    await bob.request_ok("POST", f"/posts/{id}/bookmark")
    gone = await ann.request_ok("DELETE", f"/posts/{id}")
    assert gone["post"]["text"] == "other secret words"
    again = await ann.request_ok("DELETE", f"/posts/{id}")
    assert (again["post"]["text"], again["post"]["deleted"]) == ("", True)
    assert (await bob.request("DELETE", f"/posts/{id}")).status == 404
    await harness.cluster.settle()
    for person in (ann, bob):
        assert await person.get_status(id) == 404
    for path in ("/favourites", "/bookmarks"):
        assert (await bob.request_ok("GET", path))["ids"] == []
    kept = harness.cluster.state("posts")
    assert "secret" not in str([kept.peek(key) for key in sorted(kept.keys())])
    assert harness.cluster.broker.events("posts")[-1]["data"]["deleted"] is True
    assert harness.cluster.broker.events("author-counts")[-1]["data"]["total"] in (0, 1)


# ── reactions ───────────────────────────────────────────────────────────────────────────────


async def test_a_like_counts_once_at_once_and_for_everybody_soon(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post()
    for _ in range(2):
        view = await bob.request_ok("POST", f"/posts/{id}/favourite")
        assert (view["favourited"], view["counts"]["favourites"]) == (True, 1)
    await harness.cluster.settle()
    seen = await ann.request_ok("GET", f"/posts/{id}")
    assert (seen["favourited"], seen["counts"]["favourites"]) == (False, 1)
    assert (await ann.request_ok("GET", f"/posts/{id}/favourited_by"))["accounts"] == [bob.id]
    for _ in range(2):
        view = await bob.request_ok("POST", f"/posts/{id}/unfavourite")
        assert (view["favourited"], view["counts"]["favourites"]) == (False, 0)
    await harness.cluster.settle()
    assert (await ann.request_ok("GET", f"/posts/{id}"))["counts"]["favourites"] == 0
    assert [e["data"]["total"] for e in harness.cluster.broker.events("post-counts")] == [1, 0]


async def test_likes_and_bookmarks_are_paged_newest_first_in_both_directions(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    posts = [await ann.create_post(str(n)) for n in range(7)]
    for id in posts:
        await bob.request_ok("POST", f"/posts/{id}/favourite")
        await bob.request_ok("POST", f"/posts/{id}/bookmark")
    await harness.cluster.settle()
    newest = list(reversed(posts))
    for path in ("/favourites", "/bookmarks"):
        page = PostList.model_validate(await bob.request_ok("GET", path, params={"limit": "3"}))
        assert [view.post.id for view in page.views] == newest[:3]
        down = PostList.model_validate(
            await bob.request_ok("GET", path, params={"limit": "3", "max_id": page.ids[-1]})
        )
        assert [view.post.id for view in down.views] == newest[3:6]
        up = await bob.request_ok("GET", path, params={"limit": "2", "min_id": down.ids[-1]})
        assert up["ids"] == down.ids[:2]


async def test_a_page_of_deleted_posts_does_not_end_the_list(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    posts = [await ann.create_post(str(n)) for n in range(4)]
    for id in posts:
        await bob.request_ok("POST", f"/posts/{id}/bookmark")
    for id in posts[2:]:
        await ann.request_ok("DELETE", f"/posts/{id}")
    await harness.cluster.settle()
    page = await bob.request_ok("GET", "/bookmarks", params={"limit": "2"})
    assert [view["post"]["id"] for view in page["views"]] == [posts[1], posts[0]]


async def test_liking_costs_the_same_number_of_calls_at_any_number_of_likes(
    harness: PostsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FLUSH_DELAY", 3600)  # not at some time in between
    ann = harness.add_user("ann")
    id = await ann.create_post()
    costs = set()
    for n in range(260):
        liker = harness.add_user(f"liker{n}")
        is_measured = n in (1, 100, 259)
        if is_measured:  # without what goes on in the background
            await harness.cluster.settle()
            harness.cluster.broker.hold()
        calls = harness.state_call_count()
        await liker.request_ok("POST", f"/posts/{id}/favourite")
        if is_measured:
            costs.add(harness.state_call_count() - calls)
            harness.cluster.broker.release()
    await harness.cluster.settle()
    creates = await harness.posts.sidecar.can_create_in_transactions()
    assert costs == {2 if creates else 3}  # else a new interaction is two calls
    first = Reactors.model_validate(
        await ann.request_ok("GET", f"/posts/{id}/favourited_by", params={"limit": "80"})
    )
    second = Reactors.model_validate(
        await ann.request_ok(
            "GET", f"/posts/{id}/favourited_by", params={"limit": "80", "max_id": first.ids[-1]}
        )
    )
    assert len({*first.accounts, *second.accounts}) == 160
    assert (await ann.request_ok("GET", f"/posts/{id}"))["counts"]["favourites"] == 260


async def test_a_lost_answer_of_the_store_does_not_like_twice(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    id = await ann.create_post()
    harness.posts.sidecar.state.faults.fail("compare_and_set", about="mark:", after=True)
    harness.posts.sidecar.state.faults.fail(
        "compare_and_set", about="mark:", nth=2, error=Unavailable("x")
    )
    await bob.request_ok("POST", f"/posts/{id}/favourite")
    await bob.request_ok("POST", f"/posts/{id}/unfavourite")
    await bob.request_ok("POST", f"/posts/{id}/favourite")
    await harness.cluster.settle()
    assert (await ann.request_ok("GET", f"/posts/{id}"))["counts"]["favourites"] == 1


# ── many at once ────────────────────────────────────────────────────────────────────────────


async def test_many_posts_are_read_with_one_state_call_in_the_order_asked_for(
    harness: PostsHarness,
) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    ids = [await ann.create_post(str(n)) for n in range(150)]
    hidden = await ann.create_post("hidden", visibility="direct")
    await harness.cluster.settle()
    calls = harness.state_call_count()
    wanted = [*ids[::-1], hidden, "1"]
    views = await bob.request_ok("POST", "/posts/views", json={"ids": wanted})
    assert [view["post"]["id"] for view in views] == ids[::-1]
    assert harness.state_call_count() == calls + 1


async def test_a_thread_is_shown_without_whom_the_viewer_shuns_or_is_shunned_by(
    harness: PostsHarness,
) -> None:
    ann = harness.add_user("ann")
    people = [harness.add_user(f"p{n}") for n in range(90)]
    root = await people[0].create_post("root")
    replies = [await one.create_post("re", in_reply_to_id=root) for one in people]
    harness.neighbours.hidden.add((ann.id, people[1].id))
    harness.neighbours.blocks.add((people[2].id, ann.id))
    secret = await people[3].create_post("to nobody here", in_reply_to_id=root, visibility="direct")
    asked = {"ids": [root, *replies, secret], "around": root}
    harness.posts.sidecar.faults.calls.clear()
    views = await ann.request_ok("POST", "/posts/views", json=asked)
    shown = [replies[0], *replies[3:]]
    assert [view["post"]["id"] for view in views] == [root, *shown]
    calls = [c for c in harness.posts.sidecar.faults.calls if c.about[1] == "users/relationships"]
    assert len(calls) == 1
    strangers = await harness.posts.call("POST", "/posts/views", json=asked)
    assert [view["post"]["id"] for view in strangers.json()] == [root, *replies]
    beside = {"ids": [root, *replies[:3]], "around": replies[1]}
    views = await ann.request_ok("POST", "/posts/views", json=beside)
    assert [view["post"]["id"] for view in views] == [root, *replies[:2]]


async def test_nothing_is_shown_around_a_post_that_is_not_visible(harness: PostsHarness) -> None:
    ann, bob = harness.add_user("ann"), harness.add_user("bob")
    root = await ann.create_post("root")
    secret = await ann.create_post("mine", in_reply_to_id=root, visibility="direct")
    asked = {"ids": [root, secret], "around": secret}
    assert (await bob.request("POST", "/posts/views", json=asked)).status == 404
    many = await bob.request("POST", "/posts/views", json={"ids": ["1"] * 2_101})
    assert many.status == 422


async def test_a_comment_is_removed_by_whose_post_it_is_under(harness: PostsHarness) -> None:
    ann, bob, cid = (harness.add_user(name) for name in ("ann", "bob", "cid"))
    root = await ann.create_post("root")
    comment = await bob.create_post("a", in_reply_to_id=root)
    below = await cid.create_post("b", in_reply_to_id=comment)
    assert (await bob.request("DELETE", f"/posts/{below}")).status == 403
    assert (await ann.request("PUT", f"/posts/{below}", json={"text": "x"})).status == 403
    for _ in range(2):
        assert (await ann.request_ok("DELETE", f"/posts/{below}"))["post"]["id"] == below
    assert await cid.get_status(below) == 404
    assert (await bob.request("DELETE", f"/posts/{root}")).status == 403


# ── counts of authors ───────────────────────────────────────────────────────────────────────


async def test_posts_are_counted_for_their_authors_but_direct_ones(harness: PostsHarness) -> None:
    ann = harness.add_user("ann")
    one, two = await ann.create_post("1"), await ann.create_post("2", visibility="private")
    await ann.create_post("3", visibility="direct")
    await harness.cluster.settle()
    count = harness.cluster.broker.events("author-counts")[-1]
    assert count["subject"] == ann.id
    assert count["data"] == {"account": ann.id, "total": 2, "last_post": two}
    await ann.request_ok("DELETE", f"/posts/{two}")
    await harness.cluster.settle()
    assert harness.cluster.broker.events("author-counts")[-1]["data"] == {
        "account": ann.id,
        "total": 1,
        "last_post": one,
    }


@pytest.mark.parametrize("model", [PostView, PostVersion])
def test_examples_have_every_field_of_a_response(model: type[Model]) -> None:
    extra: Any = model.model_config["json_schema_extra"]
    for example in extra["examples"]:
        assert model.model_validate(example).model_dump(mode="json") == example
