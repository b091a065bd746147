"""Posts: created, read, edited, liked, bookmarked, answered, deleted; each exactly once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.page_assertions import await_absence, await_page, await_presence, ids
from tests.system import LoggedInUser, System, wait_until


def test_a_post_is_as_it_was_written(anna: LoggedInUser, picture: Path) -> None:
    media = anna.upload(picture, description="small")
    post = anna.client.status_post(
        "Light over the #Harbour & <b>boats</b>\nsecond line",
        media_ids=[media.id],
        spoiler_text="boats",
        sensitive=True,
        language="en",
    )
    read = anna.client.status(post.id)
    assert read.account.username == anna.name
    assert "<b>boats" not in read.content
    assert "&lt;b&gt;boats&lt;/b&gt;" in read.content
    assert "<br" in read.content
    assert [tag.name.lower() for tag in read.tags] == ["harbour"]
    assert 'rel="tag' in read.content or "mention hashtag" in read.content
    assert read.spoiler_text == "boats"
    assert read.sensitive is True
    assert read.language == "en"
    assert read.visibility == "public"
    assert [m.description for m in read.media_attachments] == ["small"]
    assert read.created_at > datetime.now(UTC) - timedelta(minutes=5)
    assert (read.favourites_count, read.reblogs_count, read.replies_count) == (0, 0, 0)


def test_a_mention_is_linked_and_carried(anna: LoggedInUser, ben: LoggedInUser) -> None:
    post = anna.client.status_post(f"with @{ben.name} and @nobody_of_this_name")
    assert [mention.username for mention in post.mentions] == [ben.name]
    assert ben.id == str(post.mentions[0].id)


@pytest.mark.parametrize("style", ["json", "form", "form-without-brackets", "multipart"])
def test_a_post_can_be_sent_in_every_way_that_clients_do(
    anna: LoggedInUser, picture: Path, style: str
) -> None:
    id = str(anna.upload(picture).id)
    sent: dict[str, dict[str, Any]] = {
        "json": {"json": {"status": "x", "media_ids": [id], "sensitive": True}},
        "form": {"data": {"status": "x", "media_ids[]": [id], "sensitive": "1"}},
        "form-without-brackets": {"data": {"status": "x", "media_ids": id, "sensitive": "true"}},
        "multipart": {
            "files": [
                ("status", (None, "x")),
                ("media_ids[]", (None, id)),
                ("sensitive", (None, "true")),
            ]
        },
    }
    made = anna.call("POST", "/api/v1/statuses", **sent[style])
    assert made.status_code == 200, made.text
    assert [m["id"] for m in made.json()["media_attachments"]] == [id]
    assert made.json()["sensitive"] is True


def test_the_same_idempotency_key_gives_the_same_post_to_one_person(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    key = f"key of {anna.name}"
    first = anna.client.status_post("once", idempotency_key=key)
    again = anna.client.status_post("once", idempotency_key=key)
    assert first.id == again.id
    assert ben.client.status_post("once", idempotency_key=key).id != first.id
    assert anna.client.status_post("once", idempotency_key=f"{key} 2").id != first.id
    wait_until(lambda: len(anna.client.account_statuses(anna.id)) == 2)


def test_the_same_idempotency_key_at_the_same_time_makes_one_post(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    headers = {"Idempotency-Key": f"at once {anna.name}"}

    def attempt(_: int) -> tuple[int, str]:
        made = anna.call("POST", "/api/v1/statuses", json={"status": "once"}, headers=headers)
        return made.status_code, made.json().get("id", made.text)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(attempt, range(8)))
    assert len(answers) == 1
    status, id = answers.pop()
    assert status == 200
    await_page(lambda: ben.client.timeline_home(), [id])
    anna.wait_for_posts(1)
    assert ids(anna.client.account_statuses(anna.id)) == [id]


def test_an_edit_is_seen_everywhere_and_listed_in_the_history(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("befor the storm")
    await_page(lambda: ben.client.timeline_home(), [post])
    edited = anna.client.status_update(post.id, "before the storm #weather")
    assert edited.edited_at is not None
    assert anna.client.status_source(post.id).text == "before the storm #weather"
    wait_until(lambda: "before the storm" in ben.client.timeline_home()[0].content)
    wait_until(lambda: "before" in ben.client.account_statuses(anna.id)[0].content)
    history = ben.client.status_history(post.id)
    assert [("befor " in version.content) for version in history] == [True, False]


def test_a_deleted_post_disappears_from_every_timeline(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    tag = system.unique_name("gone").replace("_", "")
    ben.client.account_follow(anna.id)
    post = anna.client.status_post(f"soon gone #{tag}")
    ben.client.status_favourite(post.id)
    ben.client.status_bookmark(post.id)
    views: dict[str, Callable[[], Any]] = {
        "home": lambda: ben.client.timeline_home(),
        "own home": lambda: anna.client.timeline_home(),
        "public": lambda: ben.client.timeline_public(limit=40),
        "tag": lambda: ben.client.timeline_hashtag(tag),
        "account": lambda: ben.client.account_statuses(anna.id),
        "favourites": lambda: ben.client.favourites(),
        "bookmarks": lambda: ben.client.bookmarks(),
    }
    for name, view in views.items():
        await_presence(view, str(post.id), name)
    deleted = anna.client.status_delete(post.id)
    assert "soon gone" in deleted.text
    for name, view in views.items():
        await_absence(view, str(post.id), name)
    for person in (anna, ben):
        assert person.call("GET", f"/api/v1/statuses/{post.id}").status_code == 404
    wait_until(lambda: anna.client.me().statuses_count == 0)


def test_deleting_twice_changes_nothing_more(anna: LoggedInUser) -> None:
    kept, gone = anna.client.status_post("kept"), anna.client.status_post("gone")
    assert anna.call("DELETE", f"/api/v1/statuses/{gone.id}").status_code == 200
    assert anna.call("DELETE", f"/api/v1/statuses/{gone.id}").status_code in (200, 404)
    await_page(lambda: anna.client.account_statuses(anna.id), [kept])
    wait_until(lambda: anna.client.me().statuses_count == 1)


def test_favourites_count_each_person_once_and_agree_with_the_lists(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    post = anna.client.status_post("likeable")
    for _ in range(2):
        assert ben.client.status_favourite(post.id).favourited is True
    anna.client.status_favourite(post.id)
    wait_until(lambda: anna.client.status(post.id).favourites_count == 2)

    def likers() -> set[str]:
        return {account.username for account in anna.client.status_favourited_by(post.id)}

    wait_until(lambda: likers() == {anna.name, ben.name})
    await_page(lambda: ben.client.favourites(), [post])
    for _ in range(2):
        assert ben.client.status_unfavourite(post.id).favourited is False
    wait_until(lambda: anna.client.status(post.id).favourites_count == 1)
    wait_until(lambda: likers() == {anna.name})
    wait_until(lambda: ben.client.favourites() == [])


def test_bookmarks_are_kept_newest_first_and_are_nobody_elses_business(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    posts = [anna.client.status_post(f"post {n}") for n in range(3)]
    for post in posts:
        assert ben.client.status_bookmark(post.id).bookmarked is True
    wait_until(lambda: ids(ben.client.bookmarks()) == ids(posts)[::-1])
    assert anna.client.status(posts[0].id).bookmarked is False
    assert ben.client.status_unbookmark(posts[1].id).bookmarked is False
    await_page(lambda: ben.client.bookmarks(), [str(posts[2].id), str(posts[0].id)])


def test_the_list_of_bookmarks_can_be_paged(anna: LoggedInUser) -> None:
    posts = [anna.client.status_post(f"post {n}") for n in range(5)]
    for post in posts:
        anna.client.status_bookmark(post.id)
    wait_until(lambda: len(anna.client.bookmarks()) == 5)
    first = anna.client.bookmarks(limit=2)
    second = anna.client.fetch_next(first)
    third = anna.client.fetch_next(second)
    assert ids(first) + ids(second) + ids(third) == ids(posts)[::-1]
    assert ids(anna.client.fetch_previous(second)) == ids(first)


def test_a_thread_is_listed_from_its_root_to_its_leaves(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    root = anna.client.status_post("a question")
    answer = ben.client.status_post("an answer", in_reply_to_id=root.id)
    thanks = anna.client.status_post("thanks", in_reply_to_id=answer.id)
    assert str(answer.in_reply_to_account_id) == anna.id

    def whole() -> bool:
        context = ben.client.status_context(answer.id)
        assert ids(context.ancestors) == ids([root])
        assert ids(context.descendants) == ids([thanks])
        return True

    wait_until(whole)
    wait_until(lambda: ben.client.status(root.id).replies_count == 1)


def test_who_posts_gets_a_request_id_and_may_bring_one(anna: LoggedInUser) -> None:
    made = anna.call("POST", "/api/v1/statuses", json={"status": "traced"})
    assert made.headers["X-Request-Id"]
    brought = anna.call("GET", "/api/v1/timelines/home", headers={"X-Request-Id": "trip-42"})
    assert brought.headers["X-Request-Id"] == "trip-42"
