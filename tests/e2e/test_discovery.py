"""Discovery: followed and trending hashtags, trending posts, search, statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.page_assertions import await_page, ids, names
from tests.system import LoggedInUser, System, wait_until


def tag_named(system: System, word: str) -> str:
    return system.unique_name(word).replace("_", "").lower()


def test_a_hashtag_is_followed_and_its_posts_come_home(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    tag = tag_named(system, "sea")
    before = anna.client.status_post(f"before #{tag}")
    shown = ben.client.tag_follow(tag)
    assert shown.following is True
    assert ben.client.tag(tag).following is True
    assert anna.client.tag(tag).following is False
    after = anna.client.status_post(f"after #{tag}")
    anna.client.status_post("without")
    await_page(lambda: ben.client.timeline_home(), [after, before])
    assert [str(one.name) for one in ben.client.followed_tags() or []] == [tag]
    assert ben.client.tag_unfollow(tag).following is False
    await_page(lambda: ben.client.timeline_home(), [])
    assert ben.client.followed_tags() == []


def test_followed_hashtags_are_paged(system: System, anna: LoggedInUser) -> None:
    tags = [tag_named(system, f"page{number}") for number in range(5)]
    for tag in tags:
        anna.client.tag_follow(tag)
    first: Any = anna.client.followed_tags(limit=2)
    second: Any = anna.client.fetch_next(first)
    third: Any = anna.client.fetch_next(second)
    assert [[one.name for one in page] for page in (first, second, third)] == [
        tags[:2:-1],
        tags[2:0:-1],
        tags[:1],
    ]


def test_toot_follows_hashtags(system: System, anna: LoggedInUser, ben: LoggedInUser) -> None:
    tag = tag_named(system, "toot")
    anna.client.status_post(f"#{tag}")
    ben.toot("tags", "follow", tag)
    assert [one["name"] for one in ben.toot.json("tags", "followed")] == [tag]
    wait_until(lambda: ben.toot.json("tags", "info", tag)["history"][0]["uses"] == "1")
    assert ben.toot.json("tags", "info", tag)["following"] is True
    ben.toot("tags", "unfollow", tag)
    assert ben.toot.json("tags", "followed") == []


def test_a_hashtags_week_has_uses_and_people(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    tag = tag_named(system, "week")
    posts = [person.client.status_post(f"#{tag}") for person in (anna, ben, anna)]

    def today() -> tuple[int, int]:
        day = anna.client.tag(tag).history[0]
        return int(day.uses), int(day.accounts)

    wait_until(lambda: today() == (3, 2))
    anna.client.status_delete(posts[0].id)
    wait_until(lambda: today() == (2, 2))
    assert len(anna.client.tag(tag).history) == 7


def test_hashtags_are_combined(system: System, anna: LoggedInUser) -> None:
    one, two, three = (tag_named(system, word) for word in ("one", "two", "three"))
    first = anna.client.status_post(f"#{one}")
    second = anna.client.status_post(f"#{two}")
    both = anna.client.status_post(f"#{one} #{two}")
    odd = anna.client.status_post(f"#{one} #{three}")

    def found(**more: Any) -> list[str]:
        params = {f"{name}[]": tags for name, tags in more.items()}
        reply = anna.call("GET", f"/api/v1/timelines/tag/{one}", params=params)
        return ids(reply.json())

    wait_until(lambda: found(any=[two]) == ids([odd, both, second, first]))
    assert found(all=[two]) == ids([both])
    assert found(none=[two, three]) == ids([first])
    assert found(any=[two], none=[three]) == ids([both, second, first])


def test_what_many_use_and_like_trends(system: System) -> None:
    tag = tag_named(system, "trend")
    people = [system.register(f"fan{number}") for number in range(3)]
    posts = [person.client.status_post(f"a picture of #{tag}") for person in people]
    for person in people:
        person.client.status_favourite(posts[0].id)
    reader = people[0].client
    wait_until(lambda: tag in [one.name for one in reader.trending_tags(limit=20)])
    wait_until(lambda: str(posts[0].id) in ids(reader.trending_statuses(limit=40)))
    assert system.get("/api/v1/trends/links").json() == []
    listed = [one["name"] for one in system.get("/api/v1/trends", params={"limit": "20"}).json()]
    assert tag in listed
    people[0].client.status_delete(posts[0].id)
    wait_until(lambda: str(posts[0].id) not in ids(reader.trending_statuses(limit=40)))


def test_search_finds_hashtags_by_how_they_begin(system: System, anna: LoggedInUser) -> None:
    tag = tag_named(system, "prefix")
    anna.client.status_post(f"#{tag}long #{tag}")

    def found(q: str) -> list[str]:
        return [one.name for one in anna.client.search(q, result_type="hashtags").hashtags]

    wait_until(lambda: found(tag) == [tag, f"{tag}long"])
    assert found(f"#{tag}lo") == [f"{tag}long"]


def test_search_finds_ones_own_posts_by_words_and_any_by_address(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    mine = anna.client.status_post("Low tide at the harbour", visibility="private")
    public = ben.client.status_post("Low tide elsewhere")

    def found(person: LoggedInUser, q: str) -> list[str]:
        return ids(person.client.search(q, result_type="statuses").statuses)

    wait_until(lambda: found(anna, "TIDE harbour") == ids([mine]))
    assert found(anna, "elsewhere") == []
    assert found(anna, str(public.url)) == found(anna, str(public.id)) == ids([public])
    assert found(ben, str(mine.url)) == found(ben, str(mine.id)) == []
    assert names(ben.client.search(str(anna.client.me().url)).accounts) == [anna.name]


def test_search_can_be_kept_to_whom_one_follows(anna: LoggedInUser, ben: LoggedInUser) -> None:
    def found() -> list[str]:
        asked = {"q": anna.name, "following": "true", "type": "accounts"}
        return names(ben.call("GET", "/api/v2/search", params=asked).json()["accounts"])

    assert found() == []
    ben.client.account_follow(anna.id)
    wait_until(lambda: found() == [anna.name])


def test_nobody_who_blocks_is_found(anna: LoggedInUser, ben: LoggedInUser) -> None:
    anna.client.account_block(ben.id)
    url = str(anna.client.me().url)
    wait_until(lambda: ben.client.search(anna.name, result_type="accounts").accounts == [])
    assert ben.client.search(url).accounts == []


def test_the_numbers_of_the_place_follow_what_happens(system: System) -> None:
    def numbers() -> tuple[int, int]:
        stats = system.get("/api/v1/instance").json()["stats"]
        return stats["user_count"], stats["status_count"]

    def numbers_of_nodeinfo() -> tuple[int, int]:
        usage = system.get("/nodeinfo/2.0").json()["usage"]
        return usage["users"]["total"], usage["localPosts"]

    users, posts = numbers()
    people = [system.register("counted") for _ in range(2)]
    for person in people:
        person.client.status_post("one more")
    wait_until(lambda: numbers()[0] >= users + 2 and numbers()[1] >= posts + 2)
    # Both are read anew until they agree: other events may still be on their way.
    wait_until(lambda: numbers() == numbers_of_nodeinfo())
    weeks = system.get("/api/v1/instance/activity").json()
    assert len(weeks) == 12
    assert int(weeks[0]["registrations"]) >= 2
    assert system.get("/api/v1/instance/peers").json() == []


def test_the_directory_has_who_is_new_and_who_is_active(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    def listed(**asked: str) -> list[str]:
        return names(system.get("/api/v1/directory", params={"limit": "80", **asked}).json())

    anna.client.status_post("here I am")
    wait_until(lambda: listed()[:1] == [anna.name] and ben.name not in listed())
    wait_until(lambda: listed(order="new")[:2] == [ben.name, anna.name])
    assert listed(order="new", offset="1", limit="1") == [anna.name]
    anna.client.account_update_credentials(discoverable=False)
    wait_until(lambda: anna.name not in listed(order="new"))


def test_the_public_timeline_knows_where_posts_are_from(
    system: System, anna: LoggedInUser, picture: Path
) -> None:
    post = anna.client.status_post("for everybody")

    def public(**asked: str) -> list[str]:
        return ids(system.get("/api/v1/timelines/public", params=asked).json())

    wait_until(lambda: str(post.id) in public())
    assert str(post.id) in public(local="true")
    assert public(remote="true") == []
    assert str(post.id) not in public(only_media="true")
    shot = anna.client.status_post("with a picture", media_ids=[anna.upload(picture)])
    wait_until(lambda: public(only_media="true")[:1] == [str(shot.id)])
