"""Notifications with toot, with Mastodon.py, and over plain HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mastodon.errors import MastodonNotFoundError

from tests.e2e.page_assertions import ids, names
from tests.system import LoggedInUser, wait_until


def await_types(person: LoggedInUser, expected: list[str], **wanted: Any) -> list[Any]:
    """Wait until a user has notifications of these types, in any order."""
    found: list[Any] = []

    def matches() -> bool:
        found[:] = person.client.notifications(**wanted)
        assert sorted(each.type for each in found) == sorted(expected)
        return True

    wait_until(matches)
    return found


@pytest.fixture
def liked_and_commented(anna: LoggedInUser, ben: LoggedInUser) -> tuple[Any, Any]:
    """A post by Anna that Ben liked and commented on; he follows her, too."""
    post = anna.client.status_post("look")
    ben.client.status_favourite(post.id)
    ben.client.account_follow(anna.id)
    comment = ben.client.status_reply(post, f"@{anna.name} lovely")
    await_types(anna, ["favourite", "follow", "mention"])
    return post, comment


def test_a_like_a_follow_and_a_comment_are_notified_once(
    anna: LoggedInUser, ben: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    post, comment = liked_and_commented
    found = {each.type: each for each in anna.client.notifications()}
    assert {each.account.username for each in found.values()} == {ben.name}
    assert str(found["favourite"].status.id) == str(post.id)
    assert str(found["mention"].status.id) == str(comment.id)
    assert found["follow"].status is None
    assert anna.client.notifications(id=found["mention"].id).id == found["mention"].id
    assert [each.type for each in anna.client.notifications(types=["follow"])] == ["follow"]
    assert len(anna.client.notifications(exclude_types=["follow"])) == 2
    assert len(anna.client.notifications(mentions_only=True)) == 1
    assert len(anna.client.notifications(account_id=ben.id)) == 3
    assert ben.client.notifications() == []


def test_pages_of_notifications_follow_one_another(
    anna: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    everything = ids(anna.client.notifications())
    first = anna.client.notifications(limit=2)
    second = anna.client.fetch_next(first)
    assert ids(first) + ids(second) == everything
    assert ids(anna.client.fetch_previous(second)) == ids(first)


def test_the_notification_of_an_undone_action_disappears(
    anna: LoggedInUser, ben: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    post, comment = liked_and_commented
    ben.client.status_unfavourite(post.id)
    await_types(anna, ["follow", "mention"])
    ben.client.account_unfollow(anna.id)
    await_types(anna, ["mention"])
    ben.client.status_delete(comment.id)
    await_types(anna, [])


def test_a_boost_has_a_notification_until_it_is_undone(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    post = anna.client.status_post("pass it on")
    ben.client.status_reblog(post.id)
    (boost,) = await_types(anna, ["reblog"])
    assert str(boost.status.id) == str(post.id)
    assert boost.account.username == ben.name
    ben.client.status_unreblog(post.id)
    await_types(anna, [])


def test_a_follow_request_is_notified_and_becomes_a_follow(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    anna.client.account_update_credentials(locked=True)
    ben.client.account_follow(anna.id)
    await_types(anna, ["follow_request"])
    anna.client.follow_request_authorize(ben.id)
    await_types(anna, ["follow"])


def test_participants_of_a_thread_are_notified_of_comments(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    carl = someone("carl")
    post = anna.client.status_post("a thread")
    first = ben.client.status_post("first", in_reply_to_id=post.id)
    await_types(anna, ["mention"])
    second = carl.client.status_post("second", in_reply_to_id=first.id)
    assert ids(each.status for each in await_types(ben, ["mention"])) == [str(second.id)]
    await_types(anna, ["mention", "mention"])


def test_a_muted_account_causes_no_notifications(
    anna: LoggedInUser, ben: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    anna.client.account_mute(ben.id)
    await_types(anna, [])
    anna.client.account_mute(ben.id, notifications=False)
    await_types(anna, ["favourite", "follow", "mention"])
    anna.client.account_block(ben.id)
    await_types(anna, [])


def test_one_is_dismissed_all_are_cleared_and_none_comes_back(
    anna: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    first = anna.client.notifications()[0]
    anna.client.notifications_dismiss(first.id)
    assert len(anna.client.notifications()) == 2
    with pytest.raises(MastodonNotFoundError):
        anna.client.notifications(id=first.id)
    anna.client.notifications_clear()
    assert anna.client.notifications() == []
    assert anna.client.notifications_unread_count().count == 0


def test_markers_say_what_is_unread(
    anna: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    newest, *_ = anna.client.notifications()
    assert anna.client.notifications_unread_count().count == 3
    moved = anna.client.markers_set(
        ["notifications", "home"], [newest.id, liked_and_commented[0].id]
    )
    assert str(moved["notifications"].last_read_id) == str(newest.id)
    assert anna.client.notifications_unread_count().count == 0
    markers = anna.client.markers_get(["home", "notifications"])
    assert str(markers["home"].last_read_id) == str(liked_and_commented[0].id)
    assert markers["notifications"].version == moved["notifications"].version


def test_likes_of_a_post_are_one_group(
    anna: LoggedInUser,
    ben: LoggedInUser,
    someone: Callable[[str], LoggedInUser],
    liked_and_commented: tuple[Any, Any],
) -> None:
    carl = someone("carl")
    carl.client.status_favourite(liked_and_commented[0].id)
    await_types(anna, ["favourite", "favourite", "follow", "mention"])
    found = anna.client.grouped_notifications()
    likes = next(group for group in found.notification_groups if group.type == "favourite")
    assert likes.notifications_count == 2
    assert [str(id) for id in likes.sample_account_ids] == [carl.id, ben.id]
    assert str(likes.status_id) == str(liked_and_commented[0].id)
    assert set(names(found.accounts)) == {ben.name, carl.name}
    again = anna.client.grouped_notification(likes.group_key)
    assert again.notification_groups[0].group_key == likes.group_key
    accounts = anna.client.grouped_notification_accounts(likes.group_key)
    assert names(accounts) == [carl.name, ben.name]
    assert anna.client.unread_grouped_notifications_count() == 3
    anna.client.dismiss_grouped_notification(likes.group_key)
    await_types(anna, ["follow", "mention"])


def test_nothing_is_held_back(anna: LoggedInUser) -> None:
    assert anna.client.notifications_policy().for_not_following == "accept"
    assert anna.client.update_notifications_policy(for_new_accounts="accept")
    assert anna.client.notification_requests() == []
    assert anna.client.notifications_merged() is True
    anna.client.accept_multiple_notification_requests([])
    anna.client.dismiss_multiple_notification_requests([])
    for act in ("notification_request", "accept_notification_request"):
        with pytest.raises(MastodonNotFoundError):
            getattr(anna.client, act)(5)
    with pytest.raises(MastodonNotFoundError):
        anna.client.dismiss_notification_request(5)


def test_toot_shows_and_clears_them(
    anna: LoggedInUser, ben: LoggedInUser, liked_and_commented: tuple[Any, Any]
) -> None:
    shown = anna.toot("notifications")
    assert ben.name in shown
    assert len(anna.toot.json("notifications")) == 3
    assert len(anna.toot.json("notifications", "--mentions")) == 1
    anna.toot("notifications", "--clear")
    assert anna.toot.json("notifications") == []
