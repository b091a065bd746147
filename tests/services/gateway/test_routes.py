"""The client API, with the real services."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
import requests

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.gateway.presentation.urls import AVATAR, HEADER, THUMBNAIL
from services.gateway.rest.stubs import STUB_ROUTES
from tests.fakes import Response, RunningReplica
from tests.mastodon.schemas import check, check_all, check_validation
from tests.services.gateway.deployment import (
    OOB,
    PASSWORD,
    GatewayDeployment,
    SignedInUser,
    deploy,
    gateway_app,
    multipart,
)


def next_of(response: Response) -> str:
    found = requests.utils.parse_header_links(response.headers["link"])
    assert [link["rel"] for link in found] == ["next", "prev"]
    return str(found[0]["url"].removeprefix("http://127.0.0.1:8080"))


# ── apps and registration ───────────────────────────────────────────────────────────────────────


async def test_an_app_registers_and_a_token_identifies_it(
    deployment: GatewayDeployment,
) -> None:
    app = await deployment.app("read")
    check("CredentialApplication", app)
    shown = await deployment.ask(
        "GET", "/api/v1/apps/verify_credentials", await deployment.app_token(app)
    )
    check("Application", shown.json())
    assert shown.json()["name"] == "A client"


async def test_redirect_uris_are_a_list_or_lines(deployment: GatewayDeployment) -> None:
    for uris in (["a.b:/c", OOB], f"a.b:/c\n{OOB}"):
        form = {"client_name": "x", "redirect_uris": uris}
        made = await deployment.ask("POST", "/api/v1/apps", json=form)
        assert made.json()["redirect_uris"] == ["a.b:/c", OOB]


async def test_a_user_registers_through_an_app(deployment: GatewayDeployment) -> None:
    token = await deployment.app_token(await deployment.app())
    form = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
    made = await deployment.ask(
        "POST", "/api/v1/accounts", token, form={**form, "agreement": "true"}
    )
    check("Token", made.json())
    again = await deployment.ask(
        "POST", "/api/v1/accounts", token, json={**form, "agreement": True}
    )
    assert again.status == 422
    check_validation(again.json())
    assert again.json()["details"]["username"][0]["error"] == "ERR_TAKEN"
    anonymous = await deployment.ask("POST", "/api/v1/accounts", json=form)
    assert anonymous.status == 401
    check("Error", anonymous.json())


# ── people ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_is_changed_in_parts(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    fields = {
        "display_name": "Ada",
        "note": "#sea",
        "locked": "1",
        "fields_attributes[0][name]": "web",
        "fields_attributes[0][value]": "https://a.example",
        "source[privacy]": "private",
    }
    content = multipart(fields, {"avatar": b"\xff\xd8\xff"})
    changed = await ada.ask("PATCH", "/api/v1/accounts/update_credentials", **content)
    check("CredentialAccount", changed.json())
    await ada.ask("PATCH", "/api/v1/accounts/update_credentials", json={"bot": True})
    me = await ada.get("accounts/verify_credentials")
    assert (me["display_name"], me["locked"], me["bot"]) == ("Ada", True, True)
    assert me["source"]["privacy"] == "private"
    assert me["source"]["fields"][0]["value"] == "https://a.example"
    assert "/media/" in me["avatar"]
    assert "/static/" in me["header"]
    preferences = await ada.get("preferences")
    check("Preferences", preferences)
    assert preferences["posting:default:visibility"] == "private"
    await ada.ask("DELETE", "/api/v1/profile/avatar")
    assert "/static/" in (await ada.get("accounts/verify_credentials"))["avatar"]


async def test_accounts_are_found(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    for path in ("accounts/lookup?acct=bob", "accounts/lookup?acct=@bob@127.0.0.1:8080"):
        found = await ada.get(path)
        check("Account", found)
        assert found["id"] == bob.id
    assert (await ada.ask("GET", "/api/v1/accounts/lookup?acct=nobody")).status == 404
    assert (
        await ada.ask("GET", "/api/v1/accounts/lookup?acct=bob@elsewhere.example")
    ).status == 404
    assert [one["acct"] for one in await ada.get("accounts/search?q=bo")] == ["bob"]
    for typed in ("bob", "@bob", "http://127.0.0.1:8080/@bob", "bob@127.0.0.1:8080"):
        response = await ada.ask("GET", "/api/v2/search", params={"q": typed, "resolve": "1"})
        check("Search", response.json())
        assert [one["id"] for one in response.json()["accounts"]] == [bob.id], typed
    both = await ada.get(f"accounts?id[]={ada.id}&id[]={bob.id}")
    check_all("Account", both)
    assert [one["id"] for one in both] == [ada.id, bob.id]


async def test_relationships_change(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    for verb, field, value in (
        ("follow", "following", True),
        ("mute", "muting", True),
        ("unmute", "muting", False),
        ("block", "blocking", True),
        ("unblock", "blocking", False),
        ("follow", "following", True),
        ("unfollow", "following", False),
    ):
        standing = await ada.post(f"accounts/{bob.id}/{verb}")
        check("Relationship", standing)
        assert standing[field] is value, verb
    noted = await ada.ask("POST", f"/api/v1/accounts/{bob.id}/note", form={"comment": "a friend"})
    assert noted.json()["note"] == "a friend"
    rows = await ada.get(f"accounts/relationships?id[]={bob.id}&id[]={ada.id}")
    check_all("Relationship", rows)
    assert await ada.get("accounts/relationships") == []
    muted = await ada.ask(
        "POST", f"/api/v1/accounts/{bob.id}/mute", form={"notifications": "0", "duration": "60"}
    )
    assert muted.json()["muting_notifications"] is False


async def test_friends_of_friends_are_suggested(deployment: GatewayDeployment) -> None:
    ada, bob, cyd = [await deployment.register(name) for name in ("ada", "bob", "cyd")]
    await ada.post(f"accounts/{bob.id}/follow")
    await bob.post(f"accounts/{cyd.id}/follow")
    await deployment.cluster.settle()
    rows = (await ada.ask("GET", "/api/v2/suggestions")).json()
    check_all("Suggestion", rows)
    assert [row["account"]["id"] for row in rows] == [cyd.id]
    (account,) = await ada.get("suggestions")
    check("Account", account)
    (familiar,) = await ada.get(f"accounts/familiar_followers?id[]={cyd.id}")
    check("FamiliarFollowers", familiar)
    assert [one["id"] for one in familiar["accounts"]] == [bob.id]
    by_body = await ada.ask("GET", "/api/v1/accounts/familiar_followers", json={"id": [cyd.id]})
    assert by_body.json() == [familiar], "as Mastodon.py asks"
    assert (await ada.ask("DELETE", f"/api/v1/suggestions/{cyd.id}")).json() == {}
    assert await ada.get("suggestions") == []
    standing = await cyd.post(f"accounts/{bob.id}/remove_from_followers")
    check("Relationship", standing)
    assert standing["followed_by"] is False


async def test_lists_of_accounts_are_paged(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    people = [await deployment.register(name) for name in ("bob", "cyd", "dan")]
    for person in people:
        await person.post(f"accounts/{ada.id}/follow")
    await deployment.cluster.settle()
    path, seen = f"/api/v1/accounts/{ada.id}/followers?limit=2", []
    for _ in range(2):
        response = await ada.ask("GET", path)
        check_all("Account", response.json())
        seen += [one["acct"] for one in response.json()]
        path = next_of(response)
    assert seen == ["dan", "cyd", "bob"]
    end = await ada.ask("GET", path)
    assert end.json() == []
    assert "link" not in end.headers


async def test_a_locked_account_answers_requests(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    await ada.ask("PATCH", "/api/v1/accounts/update_credentials", form={"locked": "true"})
    assert (await bob.post(f"accounts/{ada.id}/follow"))["requested"] is True
    await deployment.cluster.settle()
    assert [one["acct"] for one in await ada.get("follow_requests")] == ["bob"]
    check("Relationship", await ada.post(f"follow_requests/{bob.id}/authorize"))
    assert (await bob.get(f"accounts/relationships?id[]={ada.id}"))[0]["following"] is True
    refused = await ada.ask("POST", f"/api/v1/follow_requests/{bob.id}/authorize")
    check("Error", refused.json()) if refused.status >= 400 else None


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


async def test_a_picture_is_uploaded_described_and_shown(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    picture = await ada.upload("A bridge. " * 100)
    check("MediaAttachment", picture)
    assert picture["description"].startswith("A bridge")
    form = {"description": "A bridge", "focus": "0.5,-0.25"}
    changed = await ada.ask("PUT", f"/api/v1/media/{picture['id']}", form=form)
    check("MediaAttachment", changed.json())
    assert changed.json()["meta"]["focus"] == {"x": 0.5, "y": -0.25}
    assert (await ada.get(f"media/{picture['id']}"))["description"] == "A bridge"
    path = picture["url"].removeprefix("http://127.0.0.1:8080")
    shown = await deployment.ask("GET", path)
    assert (shown.status, shown.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in shown.headers["cache-control"]
    tag = shown.headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        same = await deployment.ask("GET", path, headers={"if-none-match": known})
        assert (same.status, same.headers["etag"], same.text) == (304, tag, ""), known
        assert "immutable" in same.headers["cache-control"]
    for other in ('"x"', f'"x{tag[1:]}', ""):
        assert (await deployment.ask("GET", path, headers={"if-none-match": other})).status == 200
    for wanted, status in (("*", 200), (tag, 200), (f"W/{tag}", 412), ('"x"', 412)):
        read = await deployment.ask(
            "GET", path, headers={"if-match": wanted, "if-none-match": '"x"'}
        )
        assert read.status == status, wanted
    assert (await deployment.ask("GET", f"{path}x", headers={"if-none-match": "*"})).status == 404


BAD_PICTURES: list[tuple[dict[str, Any], int]] = [
    (multipart({}, {"file": b"not a picture"}), 422),
    (multipart({}, {"file": b""}), 422),
    (multipart({"description": "x"}, {}), 422),
    (multipart({"description": "x" * 1501}, {"file": b"\xff\xd8\xff"}), 422),
    (multipart({}, {"file": b"\xff\xd8\xff" + b"x" * 16 * 1024 * 1024}), 413),
    ({"json": {"file": "x"}}, 422),
]


async def test_invalid_pictures_are_rejected(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    for content, status in BAD_PICTURES:
        refused = await ada.ask("POST", "/api/v2/media", **content)
        assert refused.status == status, refused.text
        check("Error", refused.json())


async def test_malicious_picture_names_find_nothing(deployment: GatewayDeployment) -> None:
    for name in ("..%2Fx", "%2e%2e", ".env", "a%00b", "a/../b", "x" * 200):
        assert (await deployment.ask("GET", f"/media/{name}")).status == 404, name


# ── posts ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_post_names_its_app_and_website(
    deployment: GatewayDeployment,
) -> None:
    form = {"client_name": "Lens", "redirect_uris": OOB, "scopes": "read write"}
    site = "https://lens.example"
    for name, website in (("ada", site), ("bob", None)):
        app = await deployment.ask("POST", "/api/v1/apps", json={**form, "website": website})
        person = await deployment.register(name, app.json())
        made = await person.post("statuses", {"status": "Low tide."})
        assert made["application"] == {"name": "Lens", "website": website}
        await deployment.cluster.settle()
        for path in (f"statuses/{made['id']}", "timelines/home"):
            found = await person.get(path)
            shown = found[0] if isinstance(found, list) else found
            assert shown["application"] == {"name": "Lens", "website": website}, path


async def test_a_post_is_created_edited_and_deleted(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    picture = await ada.upload("A bridge")
    form = {"status": "Hello @bob #sea", "media_ids[]": picture["id"], "language": "en"}
    status = (await ada.ask("POST", "/api/v1/statuses", form=form)).json()
    check("Status", status)
    assert status["application"]["name"] == "A client"
    assert [one["acct"] for one in status["mentions"]] == ["bob"]
    assert status["media_attachments"][0]["description"] == "A bridge"
    check("Status", await bob.get(f"statuses/{status['id']}"))
    source = await ada.get(f"statuses/{status['id']}/source")
    check("StatusSource", source)
    assert source["text"] == "Hello @bob #sea"
    edited = await ada.ask("PUT", f"/api/v1/statuses/{status['id']}", json={"status": "Bye"})
    check("Status", edited.json())
    assert edited.json()["content"] == "<p>Bye</p>"
    assert len(edited.json()["media_attachments"]) == 1
    history = await bob.get(f"statuses/{status['id']}/history")
    check_all("StatusEdit", history)
    assert len(history) == 2
    assert (await bob.ask("DELETE", f"/api/v1/statuses/{status['id']}")).status == 403
    deleted = await ada.ask("DELETE", f"/api/v1/statuses/{status['id']}", json={})
    check("DeletedStatus", deleted.json())
    assert deleted.json()["text"] == "Bye"
    assert (await ada.ask("GET", f"/api/v1/statuses/{status['id']}")).status == 404


ODD: list[dict[str, Any]] = [
    {"language": "en-US-u-mu-celsius"},
    {"language": "C"},
    {"language": ["en"]},
    {"sensitive": "y"},
    {"sensitive": {"a": 1}},
    {"poll": {}},
    {"poll": {"options": [], "expires_in": 300, "multiple": False}},
    {"poll": {"options": [""]}},
    {"poll": ""},
    {"scheduled_at": "2020-01-01T00:00:00.000Z"},
    {"scheduled_at": ""},
]


async def test_no_post_is_rejected_for_optional_fields(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    made = [await ada.post("statuses", {"status": "x", **odd}) for odd in ODD]
    usual = (await ada.post("statuses", {"status": "x"}))["language"]
    assert [status["language"] for status in made] == ["en", *[usual] * (len(ODD) - 1)]
    assert [status["sensitive"] for status in made] == [odd.get("sensitive") == "y" for odd in ODD]
    path = f"/api/v1/statuses/{made[0]['id']}"
    edited = await ada.ask("PUT", path, json={"status": "y", "language": "C", "sensitive": []})
    assert (edited.json()["language"], edited.json()["sensitive"]) == ("en", False)
    for refused in ({"poll": {"options": ["a"]}}, {"scheduled_at": "2999-01-01T00:00:00Z"}):
        answer = await ada.ask("POST", "/api/v1/statuses", json={"status": "x", **refused})
        assert answer.status == 422


async def test_no_profile_is_rejected_for_optional_fields(deployment: GatewayDeployment) -> None:
    ada, path = await deployment.register("ada"), "/api/v1/accounts/update_credentials"
    for said, kept in (("ar-EG-u-nu-latn", "ar"), ("C", "ar"), (["de"], "ar"), ("", None)):
        body = {"source": {"language": said}, "bot": "y", "locked": {}}
        me = (await ada.ask("PATCH", path, json=body)).json()
        assert (me["source"]["language"], me["bot"], me["locked"]) == (kept, True, False)
    assert (await ada.ask("PATCH", path, json={"source": "x"})).status == 200


PHOTO = b"\xff\xd8\xff"


async def test_profile_images_are_data_urls_and_empty_inputs_are_ignored(
    deployment: GatewayDeployment,
) -> None:
    ada, path = await deployment.register("ada"), "/api/v1/accounts/update_credentials"
    url = "data:image/jpeg;base64," + b64encode(PHOTO).decode()
    seen = set()
    for content in (
        {"json": {"avatar": url}},
        {"form": {"avatar": url}},
        multipart({"avatar": url}, {}),
    ):
        changed = await ada.ask("PATCH", path, **content)
        assert "/media/" in changed.json()["avatar"]
        seen.add(changed.json()["avatar"])
    assert len(seen) == 3
    empty = multipart({"display_name": "Ada"}, {"avatar": b"", "header": b""})
    empty["data"] = empty["data"].replace(b'filename="x.jpg"', b'filename=""')
    kept = (await ada.ask("PATCH", path, **empty)).json()
    assert kept["display_name"] == "Ada"
    assert kept["avatar"] in seen
    broken = await ada.ask("PATCH", path, json={"avatar": "data:image/png;base64,nothing"})
    assert (broken.status, bool(broken.json()["error"])) == (422, True)


async def test_an_upload_accepts_any_filename_and_focus(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    for focus, kept in (("2,0", (1.0, 0.0)), ("middle", (0.0, 0.0)), ("nan,0", (0.0, 0.0))):
        content = multipart({"focus": focus}, {"file": PHOTO})
        content["data"] = content["data"].replace(
            b'filename="x.jpg"', b"filename*=UTF-8''caf%C3%A9.jpg"
        )
        made = await ada.ask("POST", "/api/v2/media", **content)
        assert made.status == 200, made.text
        found = made.json()["meta"].get("focus", {"x": 0.0, "y": 0.0})
        assert (found["x"], found["y"]) == kept


async def test_pictures_can_be_posted_again_after_delete_and_redraft(
    deployment: GatewayDeployment,
) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    picture = await ada.upload("A bridge")
    file = picture["url"].removeprefix("http://127.0.0.1:8080")
    known = {"if-none-match": (await deployment.ask("GET", file)).headers["etag"]}
    first = await ada.post("statuses", {"status": "brigde", "media_ids": [picture["id"]]})
    deployment.cluster.broker.hold()  # no news is needed for any of this
    deleted = (await ada.ask("DELETE", f"/api/v1/statuses/{first['id']}")).json()
    check("DeletedStatus", deleted)
    assert deleted["text"] == "brigde"
    (kept,) = deleted["media_attachments"]
    assert (kept["id"], kept["description"]) == (picture["id"], "A bridge")
    assert (await deployment.ask("GET", file)).status == 404
    assert (await deployment.ask("GET", file, headers=known)).status == 404
    body = {"status": "bridge", "media_ids": [kept["id"]]}
    assert (await bob.ask("POST", "/api/v1/statuses", json=body)).status == 422
    second = await ada.post("statuses", body)
    deployment.cluster.broker.release(1)
    for _ in range(2):
        await deployment.cluster.settle()
    (shown,) = (await ada.get(f"statuses/{second['id']}"))["media_attachments"]
    assert shown == kept
    assert (await deployment.ask("GET", file)).status == 200
    assert (await deployment.ask("GET", file, headers=known)).status == 304


@pytest.mark.parametrize("how", ["address", "body", "graphql", "afterwards"])
async def test_delete_media_removes_pictures_at_once(
    deployment: GatewayDeployment, how: str
) -> None:
    ada = await deployment.register("ada")
    picture = await ada.upload()
    post = await ada.post("statuses", {"status": "x", "media_ids": [picture["id"]]})
    path = f"/api/v1/statuses/{post['id']}"
    if how == "graphql":
        query = f'mutation {{ deletePost(id: "{post["id"]}", deleteMedia: true) {{ id }} }}'
        answer = await ada.ask("POST", "/graphql", json={"query": query})
        assert answer.json()["data"]["deletePost"]["id"] == post["id"]
    elif how == "body":
        headers = {"content-length": "19"}
        await ada.ask("DELETE", path, form={"delete_media": "true"}, headers=headers)
    else:
        if how == "afterwards":
            await ada.ask("DELETE", path)
        await ada.ask("DELETE", f"{path}?delete_media=true")
    for _ in range(2):
        await deployment.cluster.settle()
    assert deployment.cluster.blobs == {}
    body = {"status": "x", "media_ids": [picture["id"]]}
    assert (await ada.ask("POST", "/api/v1/statuses", json=body)).status == 422


async def test_pictures_are_removed_at_once_if_an_admin_deletes(
    deployment: GatewayDeployment,
) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    root = await ada.post("statuses", {"status": "x"})
    picture = await bob.upload()
    body = {"status": "y", "in_reply_to_id": root["id"], "media_ids": [picture["id"]]}
    reply = await bob.post("statuses", body)
    assert (await ada.ask("DELETE", f"/api/v1/statuses/{reply['id']}")).status == 200
    for _ in range(2):
        await deployment.cluster.settle()
    assert deployment.cluster.blobs == {}


async def test_the_same_idempotency_key_returns_the_same_post(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    posts = [
        await ada.ask(
            "POST", "/api/v1/statuses", json={"status": "x"}, headers={"idempotency-key": "k"}
        )
        for _ in range(2)
    ]
    assert posts[0].json()["id"] == posts[1].json()["id"]


async def test_a_reply_is_in_the_context(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    post = await ada.post("statuses", {"status": "x"})
    reply = await bob.post("statuses", {"status": "@ada y", "in_reply_to_id": post["id"]})
    assert reply["in_reply_to_account_id"] == ada.id
    await deployment.cluster.settle()
    context = await ada.get(f"statuses/{post['id']}/context")
    check("Context", context)
    assert [one["id"] for one in context["descendants"]] == [reply["id"]]
    assert [
        one["id"] for one in (await ada.get(f"statuses/{reply['id']}/context"))["ancestors"]
    ] == [post["id"]]


async def test_posts_are_favourited_bookmarked_and_listed(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    post = await ada.post("statuses", {"status": "x"})
    for verb, field, value in (
        ("favourite", "favourited", True),
        ("bookmark", "bookmarked", True),
    ):
        marked = await bob.post(f"statuses/{post['id']}/{verb}")
        check("Status", marked)
        assert marked[field] is value
    await deployment.cluster.settle()
    for noun in ("favourites", "bookmarks"):
        response = await bob.ask("GET", f"/api/v1/{noun}?limit=1")
        check_all("Status", response.json())
        assert [one["id"] for one in response.json()] == [post["id"]]
        assert (await bob.ask("GET", next_of(response))).json() == []
    likers = await ada.get(f"statuses/{post['id']}/favourited_by")
    check_all("Account", likers)
    assert [one["acct"] for one in likers] == ["bob"]
    assert (await bob.post(f"statuses/{post['id']}/unfavourite"))["favourited"] is False
    assert (await bob.post(f"statuses/{post['id']}/unbookmark"))["bookmarked"] is False
    assert await ada.get(f"statuses/{post['id']}/reblogged_by") == []


async def test_boosts(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    picture = await ada.upload("the sea")
    post = await ada.post("statuses", {"status": "Low tide", "media_ids": [picture["id"]]})
    boost = await bob.post(f"statuses/{post['id']}/reblog", {"visibility": "unlisted"})
    check("Status", boost)
    assert (boost["account"]["acct"], boost["visibility"], boost["content"]) == (
        "bob",
        "unlisted",
        "",
    )
    assert (boost["reblog"]["id"], boost["reblog"]["account"]["acct"]) == (post["id"], "ada")
    assert boost["reblog"]["media_attachments"][0]["description"] == "the sea"
    assert (boost["reblog"]["reblogged"], boost["reblog"]["reblogs_count"]) == (True, 1)
    assert (await bob.post(f"statuses/{boost['id']}/reblog"))["id"] == boost["id"]
    await deployment.cluster.settle()
    seen = await ada.get(f"statuses/{boost['id']}")
    assert (seen["reblog"]["reblogged"], seen["reblog"]["reblogs_count"]) == (False, 1)
    response = await ada.ask("GET", f"/api/v1/statuses/{post['id']}/reblogged_by?limit=1")
    check_all("Account", response.json())
    assert [one["acct"] for one in response.json()] == ["bob"]
    assert (await ada.ask("GET", next_of(response))).json() == []
    bad = await bob.ask("POST", f"/api/v1/statuses/{post['id']}/reblog", json={"visibility": "x"})
    assert bad.status == 422
    check("Error", bad.json())
    for path in ("source", "history"):
        about = await bob.get(f"statuses/{boost['id']}/{path}")
        assert "Low tide" in str(about)
    page = await deployment.ask("GET", f"/@bob/{boost['id']}")
    assert (page.status, page.headers["location"]) == (302, post["url"])
    assert (await deployment.ask("GET", f"/@ada/{boost['id']}")).status == 404
    page = await deployment.ask("GET", f"/@ada/{post['id']}")
    assert (page.status, "Low tide" in page.text) == (200, True)
    undone = await bob.post(f"statuses/{post['id']}/unreblog")
    check("Status", undone)
    assert (undone["id"], undone["reblogged"], undone["reblogs_count"]) == (post["id"], False, 0)
    boost = await bob.post(f"statuses/{post['id']}/reblog")
    gone = await bob.ask("DELETE", f"/api/v1/statuses/{boost['id']}")
    check("DeletedStatus", gone.json())
    assert (await bob.ask("GET", f"/api/v1/statuses/{boost['id']}")).status == 404
    assert (await bob.get(f"statuses/{post['id']}"))["reblogged"] is False


async def test_pins(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    most = (await ada.ask("GET", "/api/v2/instance")).json()["configuration"]["accounts"]
    posts = [
        (await ada.post("statuses", {"status": str(n)}))["id"]
        for n in range(most["max_pinned_statuses"] + 1)
    ]
    for id in posts[:-1]:
        pinned = await ada.post(f"statuses/{id}/pin")
        check("Status", pinned)
        assert pinned["pinned"] is True
    refused = await ada.ask("POST", f"/api/v1/statuses/{posts[-1]}/pin")
    check("Error", refused.json())
    assert refused.status == 422
    shown = await bob.get(f"accounts/{ada.id}/statuses", pinned="true")
    check_all("Status", shown)
    assert [status["id"] for status in shown] == posts[-2::-1]
    assert (await ada.get(f"statuses/{posts[0]}"))["pinned"] is True
    assert (await ada.post(f"statuses/{posts[0]}/unpin"))["pinned"] is False
    await ada.post(f"statuses/{posts[-1]}/pin")
    assert (await bob.ask("POST", f"/api/v1/statuses/{posts[0]}/pin")).status == 422


async def test_unsupported_features_are_rejected(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    for verb in ("mute", "translate"):
        refused = await ada.ask("POST", f"/api/v1/statuses/1/{verb}")
        assert refused.status == 422
        check("Error", refused.json())
        assert "not supported" in refused.json()["error"]


# ── timelines and search ────────────────────────────────────────────────────────────────────────


async def test_a_post_is_in_every_timeline_and_pages_are_linked(
    deployment: GatewayDeployment,
) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    await bob.post(f"accounts/{ada.id}/follow")
    ids = [(await ada.post("statuses", {"status": f"{n} #sea"}))["id"] for n in range(3)][::-1]
    await deployment.cluster.settle()
    for path in (
        "/api/v1/timelines/home",
        "/api/v1/timelines/public",
        "/api/v1/timelines/tag/Sea",
        f"/api/v1/accounts/{ada.id}/statuses",
    ):
        page = await bob.ask("GET", f"{path}?limit=2")
        check_all("Status", page.json())
        assert [one["id"] for one in page.json()] == ids[:2], path
        older = await bob.ask("GET", next_of(page))
        assert [one["id"] for one in older.json()] == ids[2:], path
        end = await bob.ask("GET", next_of(older))
        assert end.json() == []
        assert "link" not in end.headers
    pictures = f"/api/v1/accounts/{ada.id}/statuses?only_media=1"
    assert (await bob.ask("GET", pictures)).json() == []


async def test_notified_and_linked_mentions_are_the_same(
    deployment: GatewayDeployment,
) -> None:
    ada, ben, gina = [await deployment.register(name) for name in ("ada", "Ben", "gina")]
    text = "@gina between us: https://example.org/search?author=@ben"
    direct = await ada.post("statuses", {"status": text, "visibility": "direct"})
    assert [one["acct"] for one in direct["mentions"]] == ["gina"]
    assert direct["content"].count("u-url mention") == 1
    assert (await ben.ask("GET", f"/api/v1/statuses/{direct['id']}")).status == 404
    assert (await gina.get(f"statuses/{direct['id']}"))["id"] == direct["id"]
    text = "hello @ben@127.0.0.1:8080 ! https://en.wikipedia.org/wiki/Rubik's_Cube#History #東京・"
    post = await ada.post("statuses", {"status": text})
    assert [one["acct"] for one in post["mentions"]] == ["Ben"]
    assert [tag["name"] for tag in post["tags"]] == ["東京"]
    assert 'href="http://127.0.0.1:8080/@Ben"' in post["content"]
    assert 'href="https://en.wikipedia.org/wiki/Rubik&#x27;s_Cube#History"' in post["content"]
    await deployment.cluster.settle()
    tagged = await ada.get(f"accounts/{ada.id}/statuses?tagged={quote('#東京・')}")
    assert [one["id"] for one in tagged] == [post["id"]]


async def test_mentions_in_a_profile_are_linked(deployment: GatewayDeployment) -> None:
    ada, ben = await deployment.register("ada"), await deployment.register("Ben")
    fields = [{"name": "with", "value": "@ben"}, {"name": "by", "value": "https://x.example/@ben"}]
    said = {"note": "@ben, @nobody and #sea", "fields_attributes": fields}
    changed = await ada.ask("PATCH", "/api/v1/accounts/update_credentials", json=said)
    assert changed.json()["source"]["note"] == said["note"]
    link = 'href="http://127.0.0.1:8080/@Ben" class="u-url mention"'
    for account in (changed.json(), await ben.get(f"accounts/{ada.id}")):
        assert account["note"].count(link) == 1
        assert "@nobody" in account["note"]
        assert [field["value"].count(link) for field in account["fields"]] == [1, 0]
    page = await deployment.ask("GET", "/@ada")
    assert page.text.count(link) == 2


async def test_posts_and_hashtags_are_found(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    post = await ada.post("statuses", {"status": "x #sea"})
    await deployment.cluster.settle()
    for typed in (post["url"], post["uri"], post["id"]):
        response = await ada.ask("GET", "/api/v2/search", params={"q": typed})
        check("Search", response.json())
        assert [one["id"] for one in response.json()["statuses"]] == [post["id"]], typed
    for typed in ("#Sea", "sea"):
        response = await ada.ask("GET", "/api/v2/search", params={"q": typed, "type": "hashtags"})
        assert [one["name"] for one in response.json()["hashtags"]] == ["sea"]
        assert response.json()["hashtags"][0]["history"][0]["uses"] == "1"
    check("Tag", await ada.get("tags/sea"))
    check("Tag", await ada.get("tags/unused"))


# ── the rest ────────────────────────────────────────────────────────────────────────────────────


async def test_the_instance_is_public(deployment: GatewayDeployment) -> None:
    check("InstanceV1", (await deployment.ask("GET", "/api/v1/instance/")).json())
    check("Instance", (await deployment.ask("GET", "/api/v2/instance")).json())
    check_all("Rule", (await deployment.ask("GET", "/api/v1/instance/rules")).json())
    found = (await deployment.ask("GET", "/.well-known/nodeinfo")).json()["links"][0]["href"]
    nodeinfo = await deployment.ask("GET", found.removeprefix("http://127.0.0.1:8080"))
    assert nodeinfo.json()["metadata"]["upstream"]["name"] == "mastodon"
    assert (await deployment.ask("GET", "/api/v1/streaming/health")).text == "OK"
    assert (await deployment.ask("GET", "/ping")).json() == {}
    activity = (await deployment.ask("GET", "/api/v1/instance/activity")).json()
    assert len(activity) == 12


async def test_stub_routes_are_well_formed(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    pusher = SignedInUser(deployment, ada.id, "ada", await deployment.log_in("ada", "push"))
    for nothing in STUB_ROUTES:
        path = re.sub(r"{\w+}", ada.id, nothing.path)
        for method in nothing.methods.split():
            who = pusher if nothing.scope == "push" else ada
            response = await who.ask(method, path)
            assert response.status == (404 if nothing.body is None else 200), f"{method} {path}"
            if nothing.body is None:
                check("Error", response.json())
            else:
                assert response.json() == nothing.body
            if nothing.scope:
                assert (await deployment.ask(method, path)).status == 401, path


async def test_updates_accept_put_and_patch(deployment: GatewayDeployment) -> None:
    """Like every `resource` with an `update` in Mastodon's routes."""
    ada = await deployment.register("ada")
    picture, post = await ada.upload(), await ada.post("statuses", {"status": "Low tide."})
    policy = "notifications/policy"
    for method in ("PUT", "PATCH"):
        text = f"High tide, says {method}."
        edited = await ada.ask(method, f"/api/v1/statuses/{post['id']}", json={"status": text})
        assert text in edited.json()["content"]
        described = await ada.ask(
            method, f"/api/v1/media/{picture['id']}", json={"description": method}
        )
        assert described.json()["description"] == method
        for path, body, more in (
            (f"/api/v1/{policy}", {"filter_not_following": False}, {"filter_new_accounts": True}),
            (f"/api/v2/{policy}", {"for_not_following": "accept"}, {"for_new_accounts": "drop"}),
        ):
            changed = await ada.ask(method, path, json=body)
            assert changed.json() == (await ada.ask("GET", path)).json()
            assert (await ada.ask(method, path, json=more)).status == 422
    assert (await ada.get(policy))["filter_not_following"] is False


async def test_a_public_post_can_be_embedded(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    post = await ada.post("statuses", {"status": "Low <tide>."})
    for url in (post["url"], post["uri"]):
        shown = await deployment.ask("GET", "/api/oembed", params={"url": url})
        assert "<p>Low &lt;tide&gt;.</p>" in shown.json()["html"]
        assert f'href="{post["url"]}"' in shown.json()["html"]
    hidden = await ada.post("statuses", {"status": "Sh.", "visibility": "private"})
    boost = await ada.post(f"statuses/{post['id']}/reblog")
    for url in (hidden["url"], boost["uri"], "https://elsewhere.example/@ada/1", "x", ""):
        assert (await ada.ask("GET", "/api/oembed", params={"url": url})).status == 404
    warned = await ada.post("statuses", {"status": "Boo.", "spoiler_text": "Ghosts"})
    html = (await deployment.ask("GET", "/api/oembed", params={"url": warned["url"]})).json()[
        "html"
    ]
    assert "Ghosts" in html
    assert "Boo" not in html


async def test_trailing_slashes_do_not_redirect(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    for path in (
        "/api/v1/accounts/verify_credentials/",
        "/api/v1/timelines/home/",
        "/oauth/authorize/",
    ):
        assert (await ada.ask("GET", path)).status in (200, 400)


async def test_head_responds_like_get(deployment: GatewayDeployment) -> None:
    assert (await deployment.ask("HEAD", "/")).status == 200


FOR_SCRIPTS = [
    ("GET", "/api/v1/instance", 200),
    ("GET", "/api/v1/nothing", 404),
    ("GET", "/api/v1/timelines/home", 401),
    ("PATCH", "/api/v1/instance", 405),
    ("POST", "/oauth/token", 400),
    ("POST", "/oauth/revoke", 401),
    ("GET", "/api/shop/v1/cart", 401),
    ("GET", "/.well-known/nodeinfo", 200),
    ("GET", "/media/nothing", 404),
    ("GET", f"/static/{AVATAR}", 200),
    ("GET", f"/static/{HEADER}", 200),
    ("GET", f"/static/{THUMBNAIL}", 200),
    ("GET", "/users/ada", 302),
    ("GET", "/@ada", 200),
]


async def test_cors_allows_every_origin(
    deployment: GatewayDeployment,
) -> None:
    await deployment.register("ada")
    for method, path, status in FOR_SCRIPTS:
        answered = await deployment.ask(method, path, headers={"origin": "https://x.example"})
        assert answered.status == status, path
        assert answered.headers["access-control-allow-origin"] == "*", path
        exposed = answered.headers["access-control-expose-headers"].lower()
        for name in ("link", "etag", "retry-after", "x-ratelimit-reset", "x-request-id"):
            assert name in exposed
    page = await deployment.ask("GET", "/auth/sign_up")
    assert "access-control-allow-origin" not in page.headers


async def test_a_preflight_is_answered_on_every_route_of_the_api(
    deployment: GatewayDeployment,
) -> None:
    asked = "authorization,user-agent,x-requested-with,cache-control,baggage,sentry-trace"
    document = (await deployment.ask("GET", "/openapi.json")).json()
    paths = [path for path in document["paths"] if path.startswith(("/api/", "/oauth/token"))]
    assert len(paths) > 100
    for path in paths:
        preflight = await deployment.ask(
            "OPTIONS",
            path.replace("{id}", "1"),
            headers={
                "origin": "https://x.example",
                "access-control-request-method": "PATCH",
                "access-control-request-headers": asked,
            },
        )
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == "*"
        allowed = preflight.headers["access-control-allow-headers"].lower().split(", ")
        assert set(asked.split(",")) <= set(allowed)
        assert "idempotency-key" in allowed
        assert "PATCH" in preflight.headers["access-control-allow-methods"]


REFUSALS = [
    ("GET", "/api/v1/nothing", 404),
    ("GET", "/api/v1/statuses/1", 404),
    ("GET", "/api/v1/statuses/x", 404),
    ("GET", "/api/v1/accounts/99999999999999999999999", 404),
    ("GET", "/api/v1/timelines/home?limit=x", 422),
    ("GET", "/api/v1/timelines/home?max_id=x", 422),
    ("POST", "/api/v1/timelines/home", 405),
    ("POST", "/api/v1/statuses", 422),
    ("POST", "/api/v1/statuses/1/favourite", 404),
    ("POST", "/api/v1/accounts/1/follow", 404),
    ("GET", "/dapr/subscribe", 401),
    ("GET", "/deadletters", 401),
]


async def test_errors_have_the_format_of_the_client_api(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    for method, path, status in REFUSALS:
        refused = await ada.ask(method, path)
        assert refused.status == status, refused.text
        check("Error", refused.json())


async def test_routes_require_exactly_their_scope(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    app = await deployment.app("write:statuses")
    app_token = await deployment.app_token(app)
    assert (await deployment.ask("GET", "/api/v1/timelines/home", app_token)).status == 403
    form = {
        "client_id": app["client_id"],
        "redirect_uri": OOB,
        "scope": "write:statuses",
        "login": "ada",
        "password": PASSWORD,
    }
    page = await deployment.ask("POST", "/oauth/authorize", form=form)
    code = page.text.split('name="code" value="')[1].split('"')[0]
    grant = {**form, "grant_type": "authorization_code", "code": code}
    grant["client_secret"] = app["client_secret"]
    token = (await deployment.ask("POST", "/oauth/token", form=grant)).json()["access_token"]
    made = await SignedInUser(deployment, ada.id, "ada", token).post("statuses", {"status": "x"})
    check("Status", made)


async def test_internal_failures_are_503_with_retry_after(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    faults = deployment.gateway.sidecar.faults
    for trouble, times in (
        (Unavailable("The feed at 10.0.0.7 is down"), 3),
        (OutcomeUnknown("?"), 1),
    ):
        faults.fail("invoke", about="feed", error=trouble, times=times)
        refused = await ada.ask("GET", "/api/v1/timelines/home")
        assert refused.status == 503
        assert refused.headers["retry-after"]
        check("Error", refused.json())
        assert "10.0.0.7" not in refused.text


async def test_rate_limited_requests_have_headers() -> None:
    async with deploy(microgram_limit_user=4, microgram_limit_media=1) as deployment:
        ada = await deployment.register("ada")
        statuses = [(await ada.ask("GET", "/api/v1/custom_emojis")) for _ in range(5)]
        assert [one.status for one in statuses][-2:] == [429, 429]
        last = statuses[-1]
        assert last.json() == {"error": "Too many requests"}
        assert last.headers["x-ratelimit-remaining"] == "0"
        assert last.headers["access-control-allow-origin"] == "*"
        assert int(last.headers["retry-after"]) > 0
        assert last.headers["x-request-id"]
        assert (await deployment.ask("GET", "/api/v1/custom_emojis")).status == 200
        content = multipart({}, {"file": b"\xff\xd8\xff"})
        first = await ada.ask("POST", "/api/v2/media/", **content)
        second = await ada.ask("POST", "/api/v1/media", **content)
        assert (first.status, second.status) == (200, 429)


async def test_replicas_share_rate_limits() -> None:
    limits = {"microgram_limit_user": 500}
    async with deploy(**limits) as deployment:
        ada = await deployment.register("ada")

        async def used(replica: RunningReplica) -> int:
            answer = await replica.public("GET", "/api/v1/custom_emojis", token=ada.token)
            return 500 - int(answer.headers["x-ratelimit-remaining"])

        async def await_count(count: int, replica: RunningReplica) -> None:
            asked = 0
            async with asyncio.timeout(30):
                while await used(replica) < count + asked + 1:
                    asked += 1
                    await asyncio.sleep(0.05)

        before = max([await used(deployment.gateway) for _ in range(100)])
        other = await deployment.cluster.start(gateway_app, "gateway", **limits)
        await await_count(before, other)
        count = await used(other)
        await other.stop()
        third = await deployment.cluster.start(gateway_app, "gateway", **limits)
        await await_count(count, third)


async def test_registrations_logins_and_apps_are_limited_per_address() -> None:
    async with deploy(microgram_limit_apps=2) as deployment:
        token = await deployment.app_token(await deployment.app())
        await deployment.app()
        form = {"client_name": "A client", "redirect_uris": OOB, "scopes": "read"}
        refused = await deployment.ask("POST", "/api/v1/apps", json=form)
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) > 0
        named = await deployment.ask("POST", "/api/v1/apps", token, json=form)
        assert named.status == 429  # a token of an app is nobody
        assert (await deployment.ask("GET", "/api/v1/instance")).status == 200


async def test_openapi_has_every_route_and_its_parameters(deployment: GatewayDeployment) -> None:
    document = (await deployment.ask("GET", "/openapi.json")).json()
    names = {
        parameter["name"]
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", ())
    }
    assert not names & {"caller", "window", "request", "guard", "_"}
    for path in ("/api/v1/statuses", "/oauth/token", "/api/v2/media", "/api/v1/accounts"):
        assert "requestBody" in document["paths"][path]["post"]
