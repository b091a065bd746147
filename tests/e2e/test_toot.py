"""Every command of `toot` that this server supports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.page_assertions import await_page, ids
from tests.system import LoggedInUser, System, Toot, wait_until
from tests.system.toot import TootError


def home(person: LoggedInUser, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.toot.json("timelines", "home", *more)
    return found


def post(person: LoggedInUser, *arguments: str | Path) -> dict[str, Any]:
    made: dict[str, Any] = person.toot.json("post", *arguments)
    return made


def groups(paths: list[Path], size: int) -> Iterator[list[Path]]:
    rest = iter(paths)
    while group := list(islice(rest, size)):
        yield group


def test_login_by_code_then_whoami_then_logout(anna: LoggedInUser) -> None:
    assert anna.toot.json("whoami")["username"] == anna.name
    assert anna.name in anna.toot("whoami")
    assert anna.name in anna.toot("auth")
    account = next(line.split()[1] for line in anna.toot("auth").splitlines() if "@" in line)
    anna.toot("logout", account)
    with pytest.raises(TootError, match="logged in"):
        anna.toot("whoami")


def test_a_wrong_code_is_no_login(system: System, tmp_path: Path) -> None:
    with pytest.raises(TootError, match="Login failed"):
        Toot(system.base, tmp_path).log_in_with(lambda _: "made-up")


def test_the_instance_introduces_itself(system: System, anna: LoggedInUser) -> None:
    assert "Microgram" in anna.toot("instance")
    assert anna.toot.json("instance", system.base)["version"].startswith("4.")


def test_every_real_photo_is_posted_and_arrives_at_a_follower(
    anna: LoggedInUser, ben: LoggedInUser, photos: list[Path]
) -> None:
    ben.toot("follow", anna.name)
    posted = []
    for number, group in enumerate(groups(photos, 4)):
        attached = [part for path in group for part in ("--media", path)]
        described = [part for path in group for part in ("--description", f"it is {path.stem}")]
        made = post(anna, f"photos {number} #album", *attached, *described)
        said = [media["description"] for media in made["media_attachments"]]
        assert said == [f"it is {path.stem}" for path in group]
        posted.append(made["id"])
    await_page(lambda: home(ben), posted[::-1])
    shown = ben.toot("timelines", "home", "--no-pager", "--no-clear")
    assert "photos 0" in shown
    assert "#album" in shown


def test_a_picture_is_uploaded_on_its_own(anna: LoggedInUser, picture: Path) -> None:
    made = anna.toot.json("upload", picture, "--description", "a boat")
    assert (made["type"], made["description"]) == ("image", "a boat")
    assert "Successfully uploaded" in anna.toot("upload", picture)


def test_post_and_read_alone_in_a_thread_and_deleted(anna: LoggedInUser, ben: LoggedInUser) -> None:
    root = post(anna, "the beginning", "--visibility", "unlisted", "--language", "en")
    assert root["visibility"] == "unlisted"
    answer = post(ben, "an answer", "--reply-to", root["id"])
    last = post(ben, "and another", "--reply-last")
    assert last["in_reply_to_id"] == answer["id"]
    wait_until(
        lambda: (
            ids(anna.toot.json("thread", root["id"])["descendants"]) == [answer["id"], last["id"]]
        )
    )
    assert "an answer" in anna.toot("thread", root["id"])
    assert "the beginning" in anna.toot("status", root["id"])
    hidden = post(anna, "boo", "--spoiler-text", "scary", "--sensitive")
    assert (hidden["spoiler_text"], hidden["sensitive"]) == ("scary", True)
    anna.toot("delete", hidden["id"])
    with pytest.raises(TootError, match=r"(?i)no such|not found"):
        anna.toot("status", hidden["id"])
    with pytest.raises(TootError):
        ben.toot("delete", root["id"])
    assert anna.toot.json("status", root["id"])["id"] == root["id"]


def test_following_and_its_lists(anna: LoggedInUser, ben: LoggedInUser) -> None:
    assert anna.toot.json("follow", ben.name)["following"] is True
    wait_until(lambda: ben.name in anna.toot("following"))
    wait_until(lambda: anna.name in ben.toot("followers"))
    assert ben.toot.json("whois", anna.name)["username"] == anna.name
    assert anna.toot.json("unfollow", ben.name)["following"] is False
    wait_until(lambda: json.loads(anna.toot("following", "--json")) == [])


def test_timelines_of_every_kind(
    system: System, anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    tag = system.unique_name("toottag").replace("_", "")
    plain = post(anna, f"plain #{tag}")
    shot = post(anna, f"shot #{tag}", "--media", picture)
    both = [shot["id"], plain["id"]]
    wait_until(lambda: ids(ben.toot.json("timelines", "tag", tag)) == both)
    wait_until(lambda: ids(ben.toot.json("timelines", "account", anna.name)) == both)
    assert ids(ben.toot.json("timelines", "tag", tag, "--only-media")) == [shot["id"]]
    assert set(both) <= set(ids(ben.toot.json("timelines", "public", "--local", "--limit", "40")))
    own = ids(anna.toot.json("timelines", "home", "--limit", "1"))
    assert own == [shot["id"]]
    older = ids(anna.toot.json("timelines", "home", "--max-id", shot["id"]))
    assert older == [plain["id"]]
    assert f"#{tag}" in anna.toot("timeline", "--once")
    assert f"#{tag}" in anna.toot("timeline", "--tag", tag, "--instance", system.base, "--once")


def test_marks_and_their_lists(anna: LoggedInUser, ben: LoggedInUser) -> None:
    made = post(anna, "mark me")
    assert ben.toot.json("favourite", made["id"])["favourited"] is True
    await_page(lambda: ben.toot.json("timelines", "favourites"), [made["id"]])
    assert ben.toot.json("unfavourite", made["id"])["favourited"] is False
    assert ben.toot.json("bookmark", made["id"])["bookmarked"] is True
    wait_until(lambda: "mark me" in ben.toot("bookmarks", "--once"))
    assert ben.toot.json("unbookmark", made["id"])["bookmarked"] is False
    assert ben.toot.json("reblogged-by", made["id"]) == []


def test_muting(anna: LoggedInUser, ben: LoggedInUser) -> None:
    anna.toot("mute", ben.name)
    wait_until(lambda: ben.name in anna.toot("muted"))
    anna.toot("unmute", ben.name)
    wait_until(lambda: ben.name not in anna.toot("muted"))


def test_blocking(anna: LoggedInUser, ben: LoggedInUser) -> None:
    anna.toot("block", ben.name)
    wait_until(lambda: ben.name in anna.toot("blocked"))
    anna.toot("unblock", ben.name)
    wait_until(lambda: ben.name not in anna.toot("blocked"))


def test_a_locked_account_answers_its_requests(anna: LoggedInUser, ben: LoggedInUser) -> None:
    anna.toot("update-account", "--locked")
    ben.toot("follow", anna.name)
    wait_until(lambda: ben.name in anna.toot("follow-requests", "list"))
    anna.toot("follow-requests", "accept", ben.name)
    wait_until(lambda: anna.name in ben.toot("following"))


def test_the_profile_is_changed(anna: LoggedInUser, picture: Path) -> None:
    changed = anna.toot.json(
        "update-account", "--display-name", "Anna", "--note", "by the sea", "--avatar", picture
    )
    assert changed["display_name"] == "Anna"
    assert changed["source"]["note"] == "by the sea"
    assert "/media/" in changed["avatar"]
    assert "by the sea" in anna.toot("whoami")


def test_search(system: System, anna: LoggedInUser, ben: LoggedInUser) -> None:
    tag = system.unique_name("tootfind").replace("_", "")
    post(anna, f"#{tag}")
    wait_until(lambda: tag in ben.toot("search", f"#{tag}"))
    wait_until(lambda: anna.name in ben.toot("search", anna.name))
    assert ben.toot.json("search", anna.name, "--type", "accounts")["statuses"] == []
    wait_until(lambda: tag.lower() in ben.toot("tags", "info", tag).lower())


def test_what_is_empty_is_well_formed(anna: LoggedInUser) -> None:
    assert anna.toot.json("notifications") == []
    assert "no notifications" in anna.toot("notifications")
    anna.toot("notifications", "--clear")
    assert anna.toot.json("tags", "followed") == []
    assert anna.toot.json("tags", "featured") == []
    assert anna.toot.json("follow-requests", "list") == []
    anna.toot("lists", "list")
