"""Albums: posts with up to ten pictures with descriptions, and edits of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.page_assertions import await_page
from tests.system import LoggedInUser, System


@pytest.fixture
def album(anna: LoggedInUser, picture: Path) -> Callable[[int], list[str]]:
    """Uploads pictures for Anna."""

    def upload(many: int) -> list[str]:
        return [str(anna.upload(picture, description=f"number {n}").id) for n in range(many)]

    return upload


def shown(status: Any) -> list[str]:
    return [str(each["id"]) for each in status["media_attachments"]]


def said(status: Any) -> list[str]:
    return [each["description"] for each in status["media_attachments"]]


def test_an_album_has_as_many_pictures_as_the_instance_says_in_their_order(
    system: System, anna: LoggedInUser, ben: LoggedInUser, album: Callable[[int], list[str]]
) -> None:
    most = anna.client.instance_v2().configuration.statuses.max_media_attachments
    assert most == anna.client.instance_v1().configuration.statuses.max_media_attachments == 10
    pictures = album(most + 1)
    order = pictures[most - 1 :: -1]
    post = anna.client.status_post("an album", media_ids=order)
    assert shown(post) == order
    assert said(post) == [f"number {n}" for n in range(most)][::-1]
    ben.client.account_follow(anna.id)
    await_page(lambda: ben.client.timeline_home(), [post])
    assert shown(ben.client.timeline_home()[0]) == shown(ben.client.status(post.id)) == order
    last = pictures[most]
    refused = anna.call("PUT", f"/api/v1/statuses/{post.id}", json={"media_ids": [*order, last]})
    assert refused.status_code == 422
    assert str(most) in refused.json()["error"]
    more = [*order[:-1], order[-1], last]
    again = anna.call("POST", "/api/v1/statuses", json={"status": "x", "media_ids": more})
    assert again.status_code == 422
    assert shown(system.get(f"/api/v1/statuses/{post.id}").json()) == order


def test_pictures_change_their_order_and_are_fewer_after_an_edit(
    anna: LoggedInUser, ben: LoggedInUser, album: Callable[[int], list[str]]
) -> None:
    a, b, c = album(3)
    post = anna.client.status_post("an album", media_ids=[a, b])
    assert shown(anna.client.status_update(post.id, "an album", media_ids=[b, a])) == [b, a]
    assert shown(anna.client.status_update(post.id, "an album", media_ids=[c, b])) == [c, b]
    assert shown(anna.client.status_update(post.id, "another text")) == [c, b]
    history = anna.client.status_history(post.id)
    assert [shown(version) for version in history] == [[a, b], [b, a], [c, b], [c, b]]
    assert shown(ben.client.status(post.id)) == [c, b]
    bare = anna.call("PUT", f"/api/v1/statuses/{post.id}", json={"status": "x", "media_ids": []})
    assert shown(bare.json()) == shown(ben.client.status(post.id)) == []
    refused = anna.call("PUT", f"/api/v1/statuses/{post.id}", json={"status": "", "media_ids": []})
    assert refused.status_code == 422


@pytest.mark.parametrize("with_ids", [True, False])
def test_what_pictures_show_can_be_said_with_an_edit(
    anna: LoggedInUser, ben: LoggedInUser, album: Callable[[int], list[str]], with_ids: bool
) -> None:
    a, b = album(2)
    post = anna.client.status_post("an album", media_ids=[a, b])
    edit: dict[str, Any] = {
        "status": "an album",
        "media_attributes": [{"id": b, "description": "a boat", "focus": "0.5,-0.5"}],
    }
    if with_ids:
        edit["media_ids"] = [a, b]
    changed = anna.call("PUT", f"/api/v1/statuses/{post.id}", json=edit)
    assert changed.status_code == 200, changed.text
    for reader in (anna, ben):
        seen = reader.client.status(post.id)
        assert said(seen) == ["number 0", "a boat"]
        assert seen.media_attachments[1].meta.focus == {"x": 0.5, "y": -0.5}
        assert seen.edited_at is not None
    history = ben.client.status_history(post.id)
    assert [said(version) for version in history] == [
        ["number 0", "number 1"],
        ["number 0", "a boat"],
    ]


def test_others_pictures_cannot_be_described_nor_taken(
    anna: LoggedInUser, ben: LoggedInUser, album: Callable[[int], list[str]]
) -> None:
    (theirs,) = album(1)
    post = ben.client.status_post("ben's")
    for edit in (
        {"media_attributes": [{"id": theirs, "description": "mine"}]},
        {"media_ids": [theirs]},
    ):
        refused = ben.call("PUT", f"/api/v1/statuses/{post.id}", json={"status": "x", **edit})
        assert refused.status_code in (404, 422)
    assert anna.client.media(theirs).description == "number 0"
    assert ben.client.status_source(post.id).text == "ben's"


def test_the_limits_of_the_instance_are_those_that_hold(anna: LoggedInUser, picture: Path) -> None:
    limits = anna.client.instance_v2().configuration
    most = limits.statuses.max_characters

    def attempt(**body: Any) -> int:
        return int(anna.call("POST", "/api/v1/statuses", json=body).status_code)

    assert attempt(status="x" * most) == 200
    assert attempt(status="x" * (most + 1)) == 422
    assert attempt(status="x" * (most - 5), spoiler_text="s" * 5) == 200
    assert attempt(status="x" * (most - 5), spoiler_text="s" * 6) == 422
    link, counted = "https://example.org/" + "x" * 200, limits.statuses.characters_reserved_per_url
    assert attempt(status=f"{'x' * (most - counted - 1)} {link}") == 200
    assert attempt(status=f"{'x' * (most - counted)} {link}") == 422
    alt = limits.media_attachments.description_limit
    assert anna.upload(picture, description="d" * alt).description == "d" * alt
    too_long = anna.call(
        "POST",
        "/api/v2/media",
        files={"file": ("x.jpg", picture.read_bytes(), "image/jpeg")},
        data={"description": "d" * (alt + 1)},
    )
    assert too_long.status_code == 422


def test_sensitive_spoiler_and_language_are_kept_changed_and_returned(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    post = anna.client.status_post("boo", spoiler_text="scary", language="de")
    assert (post.sensitive, post.spoiler_text, post.language) == (True, "scary", "de")
    anna.client.status_update(post.id, "boo!", spoiler_text="very scary", sensitive=True)
    source = anna.client.status_source(post.id)
    assert (source.text, source.spoiler_text) == ("boo!", "very scary")
    seen = ben.client.status(post.id)
    assert (seen.sensitive, seen.spoiler_text, seen.language) == (True, "very scary", "de")
    calm = anna.call(
        "PUT",
        f"/api/v1/statuses/{post.id}",
        json={"status": "boo!", "spoiler_text": "", "sensitive": False, "language": "en"},
    ).json()
    assert (calm["sensitive"], calm["spoiler_text"], calm["language"]) == (False, "", "en")
    versions = [(v.spoiler_text, v.sensitive) for v in ben.client.status_history(post.id)]
    assert versions == [("scary", True), ("very scary", True), ("", False)]
    own = anna.client.preferences()["posting:default:language"]
    for written, kept in (("de-AT-u-mu-celsius", "de"), ("!!", own)):
        made = anna.call("POST", "/api/v1/statuses", json={"status": "x", "language": written})
        assert (made.status_code, made.json()["language"]) == (200, kept)


def test_history_begins_with_the_post_itself_and_an_edit_of_nothing_is_none(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    post = anna.client.status_post("as it is")
    (only,) = ben.client.status_history(post.id)
    assert (only.created_at, only.account.username) == (post.created_at, anna.name)
    assert anna.client.status_update(post.id, "as it is").edited_at is None
    edited = anna.client.status_update(post.id, "as it was")
    assert edited.edited_at is not None
    first, second = ben.client.status_history(post.id)
    assert first.created_at == post.created_at
    assert second.created_at == edited.edited_at
    for verb in ("PUT", "DELETE"):
        answer = ben.call(verb, f"/api/v1/statuses/{post.id}", json={"status": "mine"})
        assert answer.status_code == 403
    assert anna.client.status_source(post.id).text == "as it was"
