"""Profiles and relationships: follow, block, mute, follow requests."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.e2e import pictures
from tests.e2e.page_assertions import await_page, ids, names
from tests.system import LoggedInUser, System, wait_until


def test_a_profile_is_what_its_owner_says(
    anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    data = picture.read_bytes()
    changed = anna.client.account_update_credentials(
        display_name="Anna of the <sea>",
        note="Boats & #harbours\nhttps://example.org/anna",
        avatar=data,
        avatar_mime_type="image/jpeg",
        header=data,
        header_mime_type="image/jpeg",
        fields=[("Home", "Hamburg"), ("Site", "https://example.org")],
        bot=True,
        discoverable=True,
    )
    assert changed.display_name == "Anna of the <sea>"
    assert changed.source.note == "Boats & #harbours\nhttps://example.org/anna"
    seen = ben.client.account(anna.id)
    assert seen.display_name == "Anna of the <sea>"
    assert "&amp;" in seen.note
    assert 'href="https://example.org/anna"' in seen.note
    assert [field.name for field in seen.fields] == ["Home", "Site"]
    assert seen.bot is True
    for url in (seen.avatar, seen.header):
        data = requests.get(url, timeout=60).content
        assert pictures.traces(data) == []
        assert pictures.pixels(data).size[0] > 0


def test_a_new_avatar_is_upright_and_takes_the_old_ones_place(anna: LoggedInUser) -> None:
    before = anna.client.me().avatar
    turned = pictures.jpeg(size=(240, 240), orientation=6)
    anna.client.account_update_credentials(avatar=turned, avatar_mime_type="image/jpeg")
    after = anna.client.me().avatar
    assert after != before
    data = requests.get(after, timeout=60).content
    assert pictures.difference(pictures.pixels(data), pictures.scene((240, 240))) < 8


def test_everybody_has_a_picture_from_the_start(anna: LoggedInUser) -> None:
    me = anna.client.me()
    for url in (me.avatar, me.avatar_static, me.header, me.header_static):
        reply = requests.get(url, timeout=60)
        assert reply.ok, url
        assert reply.headers["Content-Type"].startswith("image/")


def test_a_change_leaves_all_else_as_it_was(anna: LoggedInUser) -> None:
    anna.client.account_update_credentials(display_name="Anna", note="hello")
    anna.client.account_update_credentials(display_name="Anna B.")
    me = anna.client.me()
    assert (me.display_name, me.source.note) == ("Anna B.", "hello")


def test_defaults_for_new_posts_are_kept(anna: LoggedInUser) -> None:
    body = {"source[privacy]": "private", "source[sensitive]": "1", "source[language]": "de"}
    reply = anna.call("PATCH", "/api/v1/accounts/update_credentials", data=body)
    assert reply.status_code == 200, reply.text
    source = anna.client.me().source
    assert (source.privacy, source.sensitive, source.language) == ("private", True, "de")
    assert anna.client.status_post("as usual").visibility == "private"


def test_people_are_found_by_name(
    ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    zora = someone("zora")
    assert str(ben.client.account_lookup(zora.name).id) == zora.id
    assert str(ben.client.account_lookup(zora.name.upper()).id) == zora.id
    wait_until(lambda: zora.name in names(ben.client.account_search("zor", limit=40)))
    wait_until(lambda: zora.name in names(ben.client.search(zora.name).accounts))
    zora.client.account_update_credentials(display_name="Wolke Sieben")
    wait_until(lambda: zora.name in names(ben.client.account_search("wolke", limit=40)))


def test_search_finds_a_hashtag_and_a_post_by_its_address(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    tag = system.unique_name("find").replace("_", "")
    post = anna.client.status_post(f"here #{tag}")

    def found() -> list[str]:
        tags = ben.client.search(f"#{tag}", result_type="hashtags").hashtags
        return [each.name.lower() for each in tags]

    wait_until(lambda: found() == [tag.lower()])
    await_page(lambda: ben.client.search(post.url).statuses, [post])


def test_following_shows_in_both_profiles_and_lists(anna: LoggedInUser, ben: LoggedInUser) -> None:
    assert ben.client.account_follow(anna.id).following is True
    assert ben.client.account_follow(anna.id).following is True
    (seen,) = anna.client.account_relationships(ben.id)
    assert (seen.followed_by, seen.following) == (True, False)
    wait_until(lambda: anna.client.me().followers_count == 1)
    wait_until(lambda: ben.client.me().following_count == 1)
    wait_until(lambda: names(ben.client.account_followers(anna.id)) == [ben.name])
    wait_until(lambda: names(ben.client.account_following(ben.id)) == [anna.name])
    assert ben.client.account_unfollow(anna.id).following is False
    wait_until(lambda: anna.client.me().followers_count == 0)
    wait_until(lambda: ben.client.account_followers(anna.id) == [])


def test_relationships_come_in_the_order_they_are_asked_for(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    carl = someone("carl")
    found = anna.client.account_relationships([carl.id, ben.id, anna.id])
    assert ids(found) == [carl.id, ben.id, anna.id]
    single = anna.call("GET", "/api/v1/accounts/relationships", params={"id": ben.id})
    assert ids(single.json()) == [ben.id]


def test_the_list_of_followers_can_be_paged(
    anna: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    followers = [someone("fan") for _ in range(3)]
    for follower in followers:
        follower.client.account_follow(anna.id)
    newest_first = [follower.name for follower in followers[::-1]]
    wait_until(lambda: names(anna.client.account_followers(anna.id)) == newest_first)
    first = anna.client.account_followers(anna.id, limit=2)
    assert names(first) == newest_first[:2]
    assert names(anna.client.fetch_next(first)) == newest_first[2:]


def test_blocking_ends_every_follow_and_every_reaction_in_both_directions(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    anna.client.account_follow(ben.id)
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("before")
    await_page(lambda: ben.client.timeline_home(), [post])
    assert anna.client.account_block(ben.id).blocking is True
    await_page(lambda: ben.client.timeline_home(), [])
    (seen,) = ben.client.account_relationships(anna.id)
    assert (seen.following, seen.followed_by) == (False, False)
    wait_until(lambda: names(anna.client.blocks()) == [ben.name])
    refused = ben.call("POST", f"/api/v1/accounts/{anna.id}/follow")
    assert refused.status_code in (403, 404, 422)
    wait_until(lambda: anna.client.me().followers_count == 0)
    assert ben.call("POST", f"/api/v1/statuses/{post.id}/favourite").status_code == 404
    answer = {"status": "but", "in_reply_to_id": str(post.id)}
    assert ben.call("POST", "/api/v1/statuses", json=answer).status_code in (403, 404, 422)
    private = anna.client.status_post("for friends", visibility="private")
    assert ben.call("GET", f"/api/v1/statuses/{private.id}").status_code == 404
    assert anna.client.account_unblock(ben.id).blocking is False
    wait_until(lambda: anna.client.blocks() == [])


def test_muting_hides_an_account_without_notifying_it(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("too loud")
    await_page(lambda: ben.client.timeline_home(), [post])
    assert ben.client.account_mute(anna.id).muting is True
    wait_until(lambda: ben.client.timeline_home() == [])
    wait_until(lambda: names(ben.client.mutes()) == [anna.name])
    (seen,) = anna.client.account_relationships(ben.id)
    assert (seen.followed_by, seen.blocked_by) == (True, False)
    assert ben.client.account_unmute(anna.id).muting is False
    await_page(lambda: ben.client.timeline_home(), [post])


def test_a_locked_account_is_followed_when_it_says_yes(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    anna.client.account_update_credentials(locked=True)
    asked = ben.client.account_follow(anna.id)
    assert (asked.following, asked.requested) == (False, True)
    wait_until(lambda: names(anna.client.follow_requests()) == [ben.name])
    post = anna.client.status_post("for friends", visibility="private")
    anna.client.follow_request_authorize(ben.id)
    (seen,) = ben.client.account_relationships(anna.id)
    assert (seen.following, seen.requested) == (True, False)
    await_page(lambda: ben.client.timeline_home(), [post])
    carl = someone("carl")
    carl.client.account_follow(anna.id)
    wait_until(lambda: names(anna.client.follow_requests()) == [carl.name])
    anna.client.follow_request_reject(carl.id)
    wait_until(lambda: anna.client.follow_requests() == [])
    assert carl.client.account_relationships(anna.id)[0].following is False


def test_who_waits_for_an_answer_is_counted_and_toot_can_give_it(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    anna.client.account_update_credentials(locked=True)
    ben.client.account_follow(anna.id)
    wait_until(lambda: anna.client.me().source.follow_requests_count == 1)
    anna.client.follow_request_authorize(ben.id)
    wait_until(lambda: anna.client.me().source.follow_requests_count == 0)
    assert ben.name in anna.toot("followers")
    assert anna.client.account_remove_from_followers(ben.id).followed_by is False
    wait_until(lambda: anna.client.me().followers_count == 0)


def test_a_mute_for_a_time_ends_by_itself_everywhere(anna: LoggedInUser, ben: LoggedInUser) -> None:
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("back soon")
    await_page(lambda: ben.client.timeline_home(), [post])
    until = ben.client.account_mute(anna.id, duration=15).muting_expires_at
    assert until is not None
    for muted in wait_until(lambda: ben.client.mutes()):
        assert muted.mute_expires_at == until
    wait_until(lambda: ben.client.timeline_home() == [])
    await_page(lambda: ben.client.timeline_home(), [post])
    assert ben.client.mutes() == []
    assert ben.client.account_relationships(anna.id)[0].muting is False


def test_relationships_say_nothing_of_who_is_not_there(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    found = anna.client.account_relationships([ben.id, "123"])
    assert ids(found) == [ben.id]


def test_friends_of_friends_are_suggested_until_dismissed(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    cyd = someone("cyd")
    anna.client.account_follow(ben.id)
    ben.client.account_follow(cyd.id)
    wait_until(lambda: cyd.name in names(anna.client.suggestions()))
    (familiar,) = anna.client.account_familiar_followers(cyd.id)
    assert names(familiar.accounts) == [ben.name]
    assert cyd.name in names(anna.client.suggestions_v1())
    assert anna.name not in names(anna.client.suggestions_v1())
    anna.client.suggestion_delete(cyd.id)
    assert cyd.name not in names(anna.client.suggestions())


def test_people_are_found_whatever_the_case_and_accents_but_not_across_a_block(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    anna.client.account_update_credentials(display_name="Ängström Åsa")

    def found(typed: str) -> bool:
        return anna.name in names(ben.client.account_search(typed))

    for typed in ("angst", "ÄNGST", "åsa", anna.name.upper()):
        wait_until(partial(found, typed))
    ben.client.account_block(anna.id)
    assert not found("angst")
    for search in (ben.client.account_search, lambda name: ben.client.search(name).accounts):
        assert names(search(anna.name)) == [anna.name], "whom to unblock is found by the handle"
    assert ben.name not in names(anna.client.account_search(ben.name))
    assert ben.name not in names(anna.client.search(ben.name).accounts)


@pytest.mark.parametrize("action", ["follow", "block", "mute"])
def test_nobody_stands_so_to_themself(anna: LoggedInUser, action: str) -> None:
    refused = anna.call("POST", f"/api/v1/accounts/{anna.id}/{action}")
    assert refused.status_code in (400, 403, 422)
    assert anna.client.me().following_count == 0


def test_a_picture_that_is_none_is_refused_as_avatar(anna: LoggedInUser) -> None:
    before = anna.client.me().avatar
    refused = anna.call(
        "PATCH",
        "/api/v1/accounts/update_credentials",
        files={"avatar": ("a.jpg", io.BytesIO(b"not a picture"), "image/jpeg")},
        data={"display_name": "changed"},
    )
    assert refused.status_code == 422
    me = anna.client.me()
    assert (me.avatar, me.display_name == "changed") == (before, False)
