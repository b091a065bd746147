"""Timelines: visibility, order, and pages in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mastodon import Mastodon

from tests.e2e.page_assertions import await_page, ids
from tests.system import LoggedInUser, System, wait_until

PAGE = 5


@pytest.fixture
def posts(anna: LoggedInUser, ben: LoggedInUser) -> list[str]:
    """The ids of twelve posts by Anna, oldest first, in Ben's home timeline."""
    ben.client.account_follow(anna.id)
    made = [str(anna.client.status_post(f"post {n}").id) for n in range(12)]
    await_page(lambda: ben.client.timeline_home(limit=40), made[::-1])
    return made


def test_a_post_reaches_its_author_and_followers_and_nobody_else(
    someone: Any, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    carl = someone("carl")
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("good morning")
    for reader in (anna, ben):
        await_page(reader.client.timeline_home, [post])
    assert carl.client.timeline_home() == []


def test_following_brings_earlier_posts_and_unfollowing_takes_all_away(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    own = ben.client.status_post("my own")
    earlier = [anna.client.status_post(f"earlier {n}") for n in range(3)]
    wait_until(lambda: len(anna.client.account_statuses(anna.id)) == 3)
    ben.client.account_follow(anna.id)
    await_page(lambda: ben.client.timeline_home(), [*ids(earlier)[::-1], str(own.id)])
    later = anna.client.status_post("later")
    wait_until(lambda: ids(ben.client.timeline_home())[0] == str(later.id))
    ben.client.account_unfollow(anna.id)
    await_page(lambda: ben.client.timeline_home(), [str(own.id)])
    ben.client.account_follow(anna.id)
    wait_until(lambda: len(ben.client.timeline_home()) == 5)


@pytest.mark.parametrize("which", ["home", "account"])
def test_pages_follow_one_another_in_both_directions(
    anna: LoggedInUser, ben: LoggedInUser, posts: list[str], which: str
) -> None:
    client: Mastodon = ben.client
    first = (
        client.timeline_home(limit=PAGE)
        if which == "home"
        else client.account_statuses(anna.id, limit=PAGE)
    )
    second = client.fetch_next(first)
    third = client.fetch_next(second)
    assert [ids(page) for page in (first, second, third)] == [
        posts[::-1][:5],
        posts[::-1][5:10],
        posts[::-1][10:],
    ]
    assert not client.fetch_next(third)
    assert ids(client.fetch_previous(third)) == ids(second)
    assert ids(client.fetch_previous(second)) == ids(first)
    assert not client.fetch_previous(first)
    newest = anna.client.status_post("newest")
    await_page(lambda: client.fetch_previous(first) or [], [newest])


@pytest.mark.parametrize("path", ["/api/v1/timelines/home", "/api/v1/accounts/{id}/statuses"])
def test_every_bound_gives_the_page_it_names(
    anna: LoggedInUser, ben: LoggedInUser, posts: list[str], path: str
) -> None:
    def page(**bounds: str | int) -> list[str]:
        reply = ben.call("GET", path.format(id=anna.id), params={"limit": 3, **bounds})
        assert reply.status_code == 200, reply.text
        return ids(reply.json())

    newest_first = posts[::-1]
    assert page() == newest_first[:3]
    assert page(max_id=posts[6]) == [posts[5], posts[4], posts[3]]
    assert page(since_id=posts[6]) == newest_first[:3]
    assert page(min_id=posts[6]) == [posts[9], posts[8], posts[7]]
    assert page(max_id=posts[9], min_id=posts[6]) == [posts[8], posts[7]]
    assert page(max_id=posts[9], since_id=posts[7]) == [posts[8]]
    assert page(max_id=posts[0]) == []
    assert page(min_id=posts[-1]) == []


def test_links_are_absolute_next_first_and_absent_on_an_empty_page(
    system: System, ben: LoggedInUser, posts: list[str]
) -> None:
    reply = ben.call("GET", "/api/v1/timelines/home", params={"limit": PAGE})
    links = [part.strip() for part in reply.headers["Link"].split(",")]
    assert [link.partition("; ")[2] for link in links] == ['rel="next"', 'rel="prev"']
    urls = [urlsplit(link[1:].partition(">")[0]) for link in links]
    assert all(f"{url.scheme}://{url.netloc}" == system.base for url in urls)
    assert parse_qs(urls[0].query)["max_id"] == [ids(reply.json())[-1]]
    assert parse_qs(urls[1].query)["min_id"] == [ids(reply.json())[0]]
    assert parse_qs(urls[0].query)["limit"] == [str(PAGE)]
    empty = ben.call("GET", "/api/v1/timelines/home", params={"max_id": posts[0]})
    assert "Link" not in empty.headers


@pytest.mark.parametrize("limit", ["0", "-1", "1000", "many"])
def test_an_odd_limit_is_bounded_or_refused(ben: LoggedInUser, limit: str) -> None:
    reply = ben.call("GET", "/api/v1/timelines/home", params={"limit": limit})
    assert reply.status_code in (200, 400, 422)


def test_an_accounts_posts_can_be_narrowed(
    anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    media = anna.upload(picture)
    plain = anna.client.status_post("plain")
    shot = anna.client.status_post("shot #sunset", media_ids=[media.id])
    own = anna.client.status_post("to myself", in_reply_to_id=plain.id)
    question = ben.client.status_post("a question")
    reply = anna.client.status_post("an answer", in_reply_to_id=question.id)

    def listed(**narrow: Any) -> list[str]:
        return ids(ben.client.account_statuses(anna.id, **narrow))

    wait_until(lambda: listed() == ids([reply, own, shot, plain]))
    assert listed(only_media=True) == ids([shot])
    assert str(reply.id) not in listed(exclude_replies=True)
    assert {str(shot.id), str(plain.id)} <= set(listed(exclude_replies=True))
    assert listed(tagged="sunset") == ids([shot])
    assert listed(pinned=True) == []
    assert listed(exclude_reblogs=True) == listed()


def test_a_hashtag_gathers_posts_however_it_is_written(
    system: System, anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    tag = system.unique_name("Harbour").replace("_", "")
    media = anna.upload(picture)
    one = anna.client.status_post(f"one #{tag}")
    two = anna.client.status_post(f"two #{tag.upper()}", media_ids=[media.id])
    three = ben.client.status_post(f"three #{tag.lower()}, and #{tag}")
    await_page(lambda: ben.client.timeline_hashtag(tag), [three, two, one])
    assert ids(ben.client.timeline_hashtag(tag.upper())) == ids([three, two, one])
    assert ids(ben.client.timeline_hashtag(tag, only_media=True)) == ids([two])
    assert ids(ben.client.timeline_hashtag(tag, max_id=two.id)) == ids([one])
    read = system.get(f"/api/v1/timelines/tag/{tag}")
    assert ids(read.json()) == ids([three, two, one])


def test_the_public_timeline_is_for_everybody(
    system: System, anna: LoggedInUser, picture: Path
) -> None:
    media = anna.upload(picture)
    shot = anna.client.status_post("to everybody", media_ids=[media.id])
    plain = anna.client.status_post("and this")

    def public(**narrow: str) -> list[str]:
        reply = system.get("/api/v1/timelines/public", params={"limit": "40", **narrow})
        return ids(reply.json())

    wait_until(lambda: {str(shot.id), str(plain.id)} <= set(public()))
    assert str(shot.id) in public(only_media="true", local="true")
    assert str(plain.id) not in public(only_media="true", local="true")


def test_a_new_persons_timelines_are_empty_and_well_formed(anna: LoggedInUser) -> None:
    for path in ("timelines/home", "favourites", "bookmarks", "notifications", "lists", "filters"):
        reply = anna.call("GET", f"/api/v1/{path}")
        assert (reply.status_code, reply.json()) == (200, [])
