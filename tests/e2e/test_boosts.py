"""Boosts and pins: created, shown, counted, removed, with toot, Mastodon.py and plain HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.page_assertions import await_page, ids, names
from tests.system import LoggedInUser, System, wait_until
from tests.system.streams import mastodon_listener
from tests.system.toot import TootError

Make = Callable[[str], LoggedInUser]


def boosted(reader: LoggedInUser, id: str) -> list[str]:
    """Return the boosts of a post in a home timeline."""
    return [
        str(s.reblog.id) for s in reader.client.timeline_home() if s.reblog if s.reblog.id == id
    ]


def test_a_boost_is_one_post_whoever_asks_how_often(
    anna: LoggedInUser, ben: LoggedInUser, someone: Make
) -> None:
    carl = someone("carl")
    carl.client.account_follow(ben.id)
    post = anna.client.status_post("worth passing on")
    boost = ben.client.status_reblog(post.id)
    assert (boost.reblog.id, boost.reblogged, boost.reblog.reblogged) == (post.id, True, True)
    assert (boost.account.username, boost.reblog.account.username) == (ben.name, anna.name)
    assert ben.client.status_reblog(post.id).id == boost.id
    assert ben.client.status_reblog(boost.id).id == boost.id
    assert ben.toot.json("reblog", post.id)["id"] == str(boost.id)
    wait_until(lambda: anna.client.status(post.id).reblogs_count == 1)
    await_page(lambda: carl.client.timeline_home(), [boost])
    await_page(lambda: anna.client.account_statuses(ben.id), [boost])
    assert names(anna.client.status_reblogged_by(post.id)) == [ben.name]
    assert [account["username"] for account in anna.toot.json("reblogged-by", post.id)] == [
        ben.name
    ]
    assert carl.client.status(boost.id).reblogged is False
    (seen,) = carl.client.timeline_home()
    assert (seen.reblog.reblogs_count, seen.reblog.account.username) == (1, anna.name)
    assert ids(anna.client.account_statuses(ben.id, exclude_reblogs=True)) == []
    assert str(boost.id) not in ids(carl.client.timeline_public(limit=40))
    wait_until(lambda: ben.client.me().statuses_count == 1)


def test_a_boost_is_taken_back_by_either_of_its_ids(
    anna: LoggedInUser, ben: LoggedInUser, someone: Make
) -> None:
    carl = someone("carl")
    carl.client.account_follow(ben.id)
    post = anna.client.status_post("worth passing on")
    ways: list[Callable[[str], object]] = [
        lambda boost: ben.client.status_unreblog(post.id),
        lambda boost: ben.client.status_unreblog(boost),
        lambda boost: ben.client.status_delete(boost),
        lambda boost: ben.toot("unreblog", post.id),
    ]
    for undo in ways:
        boost = ben.client.status_reblog(post.id)
        await_page(carl.client.timeline_home, [boost])
        wait_until(lambda: anna.client.status(post.id).reblogs_count == 1)
        undo(str(boost.id))
        await_page(lambda: carl.client.timeline_home(), [])
        await_page(lambda: anna.client.account_statuses(ben.id), [])
        wait_until(lambda: anna.client.status(post.id).reblogs_count == 0)
        wait_until(lambda: anna.client.status_reblogged_by(post.id) == [])
        assert ben.client.status(post.id).reblogged is False
        assert ben.call("GET", f"/api/v1/statuses/{boost.id}").status_code == 404
    ben.client.status_unreblog(post.id)
    wait_until(lambda: ben.client.me().statuses_count == 0)


def test_a_deleted_post_takes_its_boosts_with_it(
    anna: LoggedInUser, ben: LoggedInUser, someone: Make
) -> None:
    carl = someone("carl")
    carl.client.account_follow(ben.id)
    post = anna.client.status_post("soon gone")
    boost = ben.client.status_reblog(post.id)
    await_page(lambda: carl.client.timeline_home(), [boost])
    anna.client.status_delete(post.id)
    await_page(lambda: carl.client.timeline_home(), [])
    await_page(lambda: carl.client.account_statuses(ben.id), [])
    wait_until(lambda: ben.client.me().statuses_count == 0)
    assert carl.call("GET", f"/api/v1/statuses/{boost.id}").status_code == 404


def test_whose_boosts_are_not_wanted_none_come_home_nor_over_the_stream(
    anna: LoggedInUser, ben: LoggedInUser, someone: Make
) -> None:
    carl = someone("carl")
    assert carl.client.account_follow(ben.id, reblogs=False).showing_reblogs is False
    earlier = ben.client.status_post("ben's first")
    await_page(carl.client.timeline_home, [earlier])
    first, second = anna.client.status_post("first"), anna.client.status_post("second")
    with mastodon_listener(carl) as ear:
        ben.client.status_reblog(first.id)
        own = ben.client.status_post("ben's own")
        ear.received("update", lambda status: status.id == own.id)
        await_page(lambda: carl.client.timeline_home(), [own, earlier])
        wait_until(lambda: len(ids(carl.client.account_statuses(ben.id))) == 3)
        assert carl.client.account_follow(ben.id, reblogs=True).showing_reblogs is True
        wait_until(lambda: boosted(carl, first.id))
        boost = ben.client.status_reblog(second.id)
        ear.received("update", lambda status: status.id == boost.id)
        assert {str(each.id) for kind, each in ear.events if kind == "update"} == {
            str(own.id),
            str(boost.id),
        }
    (stands,) = carl.client.account_relationships(ben.id)
    assert stands.showing_reblogs is True


def test_a_post_for_followers_is_boosted_by_its_author_for_the_same_followers(
    system: System, anna: LoggedInUser, ben: LoggedInUser, someone: Make
) -> None:
    stranger = someone("stranger")
    ben.client.account_follow(anna.id)
    private = anna.client.status_post("for friends", visibility="private")
    wait_until(lambda: ben.client.timeline_home())
    for reader, refusal in ((ben, 403), (stranger, 404)):
        answer = reader.call("POST", f"/api/v1/statuses/{private.id}/reblog")
        assert answer.status_code == refusal
    with mastodon_listener(ben) as ear:
        boost = anna.client.status_reblog(private.id, visibility="public")
        assert boost.visibility == "private"
        streamed = ear.received("update", lambda status: status.id == boost.id)
        assert streamed.reblog.id == private.id
    assert ben.client.status(boost.id).reblog.id == private.id
    for path in (f"/api/v1/statuses/{boost.id}", f"/api/v1/statuses/{private.id}/reblogged_by"):
        assert stranger.call("GET", path).status_code == 404
        assert system.get(path).status_code == 404
    await_page(lambda: ben.client.account_statuses(anna.id), [boost, private])
    assert stranger.client.account_statuses(anna.id) == []
    direct = anna.client.status_post(f"@{ben.name} psst", visibility="direct")
    for person in (anna, ben):
        assert person.call("POST", f"/api/v1/statuses/{direct.id}/reblog").status_code == 403


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_a_boost_is_for_whom_its_maker_says(
    system: System, anna: LoggedInUser, ben: LoggedInUser, visibility: str
) -> None:
    post = anna.client.status_post("worth passing on")
    boost = ben.client.status_reblog(post.id, visibility=visibility)
    assert boost.visibility == visibility
    seen = system.get(f"/api/v1/statuses/{boost.id}").status_code
    assert seen == (404 if visibility == "private" else 200)
    wait_until(lambda: anna.client.status(post.id).reblogs_count == 1)
    boosters = [] if visibility == "private" else [ben.name]
    wait_until(lambda: names(anna.client.status_reblogged_by(post.id)) == boosters)


# ── pins ────────────────────────────────────────────────────────────────────────────────────────


def pinned(reader: LoggedInUser, owner: LoggedInUser) -> list[str]:
    return ids(reader.client.account_statuses(owner.id, pinned=True))


def test_pins_stand_on_top_the_newest_pin_first_and_are_few(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    most = anna.client.instance_v2().configuration.accounts.max_pinned_statuses
    posts = [anna.client.status_post(f"post {n}") for n in range(most + 1)]
    for post in posts[:most]:
        assert anna.client.status_pin(post.id).pinned is True
    assert pinned(ben, anna) == ids(posts[:most])[::-1]
    refused = anna.call("POST", f"/api/v1/statuses/{posts[most].id}/pin")
    assert refused.status_code == 422
    assert str(most) in refused.json()["error"]
    assert anna.client.status_pin(posts[0].id).pinned is True
    assert anna.client.status_unpin(posts[0].id).pinned is False
    anna.toot("pin", posts[most].id)
    assert pinned(ben, anna) == [str(posts[most].id), *ids(posts[1:most])[::-1]]
    anna.toot("unpin", posts[most].id)
    anna.client.status_delete(posts[1].id)
    wait_until(lambda: pinned(ben, anna) == ids(posts[2:most])[::-1])
    assert anna.client.status_pin(posts[most].id).pinned is True


def test_a_pin_shows_to_its_owner_wherever_the_post_does(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("on top")
    anna.client.status_pin(post.id)
    wait_until(lambda: ben.client.timeline_home())
    assert anna.client.status(post.id).pinned is True
    wait_until(lambda: anna.client.timeline_home()[0].pinned is True)
    wait_until(lambda: anna.client.account_statuses(anna.id)[0].pinned is True)
    assert ben.client.timeline_home()[0].pinned is False
    assert ben.client.status(post.id).pinned is False


def test_only_some_posts_can_be_pinned(anna: LoggedInUser, ben: LoggedInUser) -> None:
    theirs = ben.client.status_post("ben's")
    boost = anna.client.status_reblog(theirs.id)
    direct = anna.client.status_post(f"@{ben.name} psst", visibility="direct")
    for id in (theirs.id, boost.id, direct.id):
        assert anna.call("POST", f"/api/v1/statuses/{id}/pin").status_code == 422
    private = anna.client.status_post("for friends", visibility="private")
    anna.client.status_pin(private.id)
    assert pinned(anna, anna) == [str(private.id)]
    assert pinned(ben, anna) == []
    with pytest.raises(TootError):
        ben.toot("pin", private.id)
