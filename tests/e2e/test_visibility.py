"""The author decides who sees a post: by id, in timelines, under hashtags, in threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.page_assertions import await_page, ids
from tests.system import LoggedInUser, System, wait_until


def sees(reader: LoggedInUser, id: str) -> bool:
    return reader.call("GET", f"/api/v1/statuses/{id}").status_code == 200


def test_a_post_for_followers_is_hidden_from_strangers_everywhere(
    system: System, anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    stranger, tag = someone("stranger"), system.unique_name("secret").replace("_", "")
    ben.client.account_follow(anna.id)
    root = anna.client.status_post("root")
    private = anna.client.status_post(
        f"for friends #{tag}", visibility="private", in_reply_to_id=root.id
    )
    marker = anna.client.status_post(f"for all #{tag}")
    wait_until(lambda: str(private.id) in ids(ben.client.timeline_home()))
    wait_until(lambda: str(marker.id) in ids(stranger.client.timeline_hashtag(tag)))
    assert sees(ben, str(private.id))
    assert str(private.id) in ids(ben.client.account_statuses(anna.id))
    assert not sees(stranger, str(private.id))
    assert system.get(f"/api/v1/statuses/{private.id}").status_code == 404
    hidden_in = {
        "hashtag": stranger.client.timeline_hashtag(tag),
        "account": stranger.client.account_statuses(anna.id),
        "public": stranger.client.timeline_public(limit=40),
        "followers' public": ben.client.timeline_public(limit=40),
        "followers' hashtag": ben.client.timeline_hashtag(tag),
        "nobody's account": system.get(f"/api/v1/accounts/{anna.id}/statuses").json(),
        "thread": stranger.client.status_context(root.id).descendants,
    }
    for where, statuses in hidden_in.items():
        assert str(private.id) not in ids(statuses), where


@pytest.mark.parametrize("action", ["favourite", "bookmark", "context", "source", "reply"])
def test_what_one_may_not_see_one_cannot_act_on(
    anna: LoggedInUser, ben: LoggedInUser, action: str
) -> None:
    private = anna.client.status_post("for friends", visibility="private")
    if action == "reply":
        body = {"status": "I see", "in_reply_to_id": str(private.id)}
        answer = ben.call("POST", "/api/v1/statuses", json=body)
        assert answer.status_code in (404, 422)
    else:
        method = "GET" if action in ("context", "source") else "POST"
        answer = ben.call(method, f"/api/v1/statuses/{private.id}/{action}")
        assert answer.status_code == 404
    assert ben.client.favourites() == []
    assert ben.client.me().statuses_count == 0


def test_an_unlisted_post_is_found_by_who_knows_it_but_in_no_public_list(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    tag = system.unique_name("quiet").replace("_", "")
    ben.client.account_follow(anna.id)
    quiet = anna.client.status_post(f"quietly #{tag}", visibility="unlisted")
    marker = anna.client.status_post(f"loudly #{tag}")
    await_page(lambda: ben.client.timeline_home(), [marker, quiet])
    wait_until(lambda: str(marker.id) in ids(ben.client.timeline_public(limit=40)))
    assert system.get(f"/api/v1/statuses/{quiet.id}").status_code == 200
    assert str(quiet.id) not in ids(ben.client.timeline_public(limit=40))
    await_page(lambda: ben.client.timeline_hashtag(tag), [marker])
    assert str(quiet.id) in ids(system.get(f"/api/v1/accounts/{anna.id}/statuses").json())


def test_a_direct_post_is_for_those_it_names(
    system: System, anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    follower = someone("follower")
    follower.client.account_follow(anna.id)
    direct = anna.client.status_post(f"@{ben.name} between us", visibility="direct")
    marker = anna.client.status_post("for all")
    wait_until(lambda: str(marker.id) in ids(follower.client.timeline_home()))
    assert sees(ben, str(direct.id))
    assert not sees(follower, str(direct.id))
    assert str(direct.id) not in ids(follower.client.timeline_home())
    assert str(direct.id) not in ids(follower.client.account_statuses(anna.id))
    assert system.get(f"/api/v1/statuses/{direct.id}").status_code == 404


def test_unfollowing_ends_the_sight_of_posts_for_followers(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    private = anna.client.status_post("for friends", visibility="private")
    wait_until(lambda: sees(ben, str(private.id)))
    ben.client.account_unfollow(anna.id)
    wait_until(lambda: not sees(ben, str(private.id)))
    await_page(lambda: ben.client.account_statuses(anna.id), [])
