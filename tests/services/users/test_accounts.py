"""Accounts and profiles."""

from __future__ import annotations

from typing import Any

import pytest

from services.contracts.accounts import Account
from tests.services.users.harness import UsersDeployment, UserSession


async def test_the_own_profile_exists_before_the_registration_event_arrives(
    users: UsersDeployment,
) -> None:
    anna = UserSession(users.cluster, users.replica, "Anna")
    mine = await anna.get("/accounts/me")
    Account.model_validate(mine)
    assert mine["profile"]["username"] == "Anna"
    assert mine["profile"]["created_at"].endswith("Z")
    login = {"user_id": anna.id, "username": "Anna", "created_at": ""}
    await users.publish("logins", "auth", "login.registered", anna.id, **login)
    assert await anna.get("/accounts/me") == mine
    assert len(users.cluster.broker.events("accounts")) == 1


async def test_a_registration_event_creates_a_profile(users: UsersDeployment) -> None:
    ben = await users.new_user("ben")
    anna = UserSession(users.cluster, users.replica, "anna")
    login = {"user_id": anna.id, "username": "anna", "created_at": ""}
    for _ in range(2):
        await users.publish("logins", "auth", "login.registered", anna.id, **login)
    assert (await ben.get(f"/accounts/{anna.id}"))["profile"]["username"] == "anna"
    assert (await ben.post("/lookups", {"usernames": ["ANNA"]}))["ANNA"]["version"] == 1


async def test_a_deleted_account_is_not_found(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    await ben.act("follow", anna)
    await users.cluster.settle()
    login = {"user_id": anna.id, "username": "", "created_at": "", "deleted": True}
    await users.publish("logins", "auth", "login.registered", anna.id, version=2, **login)
    for path in (f"/accounts/{anna.id}", f"/accounts/{anna.id}/followers"):
        assert (await ben.ask("GET", path)).status == 404
    assert (await anna.ask("GET", "/accounts/me")).status == 404
    assert (await anna.ask("PATCH", "/accounts/me", json={"note": "x"})).status == 404
    assert (await ben.ask("POST", f"/accounts/{anna.id}/follow")).status == 404
    assert await ben.get("/accounts", ids=anna.id) == {}
    assert await ben.post("/lookups", {"usernames": ["anna"]}) == {}
    assert await ben.get("/search", q="anna") == []
    assert await ben.listed(f"/accounts/{ben.id}/following") == []
    published = users.cluster.broker.events("accounts")[-1]["data"]
    assert (published["id"], published["deleted"], published["username"]) == (anna.id, True, "")
    late = {"user_id": anna.id, "username": "anna", "created_at": ""}
    await users.publish("logins", "auth", "login.registered", anna.id, version=1, **late)
    assert (await ben.ask("GET", f"/accounts/{anna.id}")).status == 404


async def test_single_fields_of_a_profile_can_be_edited(users: UsersDeployment) -> None:
    anna = await users.new_user("anna")
    response = await anna.ask(
        "PATCH",
        "/accounts/me",
        json={
            "display_name": "Anna B.",
            "fields": [{"name": "Home", "value": "here"}],
            "avatar": "abc.webp",
            "note": None,
        },
    )
    account = response.json()
    Account.model_validate(account)
    assert (account["profile"]["display_name"], account["version"]) == ("Anna B.", 2)
    assert account["profile"]["fields"] == [{"name": "Home", "value": "here", "verified_at": None}]
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    assert (await anna.get("/accounts/me"))["profile"]["display_name"] == "Anna B."


async def test_an_edit_may_name_the_values_that_it_expects(users: UsersDeployment) -> None:
    (anna,) = await users.new_users("anna")
    rows = [{"name": "Home", "value": "here"}]
    await anna.ask("PATCH", "/accounts/me", json={"note": "one", "fields": rows})
    for expected, status in (
        ({"note": "other"}, 412),
        ({"note": "one", "fields": []}, 412),
        ({"note": "one", "fields": rows, "locked": False}, 200),
    ):
        body = {"note": "two", "expected": expected}
        assert (await anna.ask("PATCH", "/accounts/me", json=body)).status == status
    assert (await anna.get("/accounts/me"))["profile"]["note"] == "two"


async def test_a_profile_lists_the_users_that_it_mentions(users: UsersDeployment) -> None:
    anna, ben, cleo = await users.new_users("anna", "Ben", "cleo")

    async def mentions(**changes: Any) -> list[dict[str, str]]:
        response = await anna.ask("PATCH", "/accounts/me", json=changes)
        published: list[dict[str, str]] = response.json()["profile"]["mentions"]
        return published

    of_ben, of_cleo = ({"id": one.id, "username": one.username} for one in (ben, cleo))
    note = "with @ben@127.0.0.1:8080 and @nobody, not https://example.org/@cleo"
    assert await mentions(note=note) == [of_ben]
    fields = [{"name": "@ben", "value": "@cleo, @ben@example.org"}]
    assert await mentions(fields=fields) == [of_ben, of_cleo]
    assert await mentions(note="alone") == [of_cleo]
    assert (await anna.get(f"/accounts/{anna.id}"))["profile"]["mentions"] == [of_cleo]


async def test_a_profile_can_be_edited_before_the_registration_event_arrives(
    users: UsersDeployment,
) -> None:
    anna = UserSession(users.cluster, users.replica, "anna")
    response = await anna.ask("PATCH", "/accounts/me", json={"note": "hi"})
    assert response.status == 200
    assert response.json()["profile"]["username"] == "anna"


@pytest.mark.parametrize(
    "body",
    [
        {"display_name": "x" * 31},
        {"note": 7},
        {"locked": "perhaps"},
        {"fields": [{"name": "x"}]},
        {"avatar": "../x"},
        {"default_visibility": "all"},
        [],
        "x",
    ],
)
async def test_an_invalid_edit_is_rejected_and_changes_nothing(
    users: UsersDeployment, body: Any
) -> None:
    anna = await users.new_user("anna")
    response = await anna.ask("PATCH", "/accounts/me", json=body)
    assert response.status == 422
    assert set(response.json()) == {"code", "message"}
    assert (await anna.get("/accounts/me"))["version"] == 1


async def test_malformed_json_is_rejected_with_422(users: UsersDeployment) -> None:
    anna = await users.new_user("anna")
    headers = {"content-type": "application/json"}
    response = await anna.ask("PATCH", "/accounts/me", data=b"{", headers=headers)
    assert response.status == 422


async def test_many_accounts_take_one_state_call(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    before = users.calls()
    ids = f"{anna.id},{ben.id},no-id,{anna.id}"
    accounts = await anna.get("/accounts", ids=ids)
    assert users.calls() - before == 1
    assert set(accounts) == {anna.id, ben.id}
    assert set(await anna.get("/accounts", ids=f"{ids},123")) == {anna.id, ben.id}
    response = await anna.ask("GET", "/accounts", params={"ids": ",".join(["1"] * 81)})
    assert response.status == 422


@pytest.mark.parametrize(
    "id", ["0", "x", "-1", "1" * 30, "user:1", "%2e%2e", "1234567890123456789"]
)
async def test_an_unknown_or_malformed_id_is_not_found(users: UsersDeployment, id: str) -> None:
    anna = await users.new_user("anna")
    for path in (f"/accounts/{id}", f"/accounts/{id}/followers", f"/accounts/{id}/following"):
        assert (await anna.ask("GET", path)).status == 404
    for verb in ("follow", "block", "mute", "note"):
        response = await anna.ask("POST", f"/accounts/{id}/{verb}", json={})
        assert response.status == 404, verb
    assert (await anna.ask("POST", f"/follow_requests/{id}/authorize")).status == 404


async def test_lookup_ignores_case_and_malformed_usernames(users: UsersDeployment) -> None:
    (anna,) = await users.new_users("Anna")
    asked = ["anna", "@ANNA", "ben", "", "a:b", "a/b"]
    found = await anna.post("/lookups", {"usernames": asked})
    assert {given: a["profile"]["id"] for given, a in found.items()} == {
        "anna": anna.id,
        "@ANNA": anna.id,
    }


async def test_routes_require_their_scopes(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    for method, path, scope in (
        ("GET", "/accounts/me", "read:accounts"),
        ("PATCH", "/accounts/me", "write:accounts"),
        ("GET", "/search?q=a", "read:accounts"),
        ("GET", f"/relationships?ids={ben.id}", "read:follows"),
        ("POST", f"/accounts/{ben.id}/follow", "write:follows"),
        ("POST", f"/accounts/{ben.id}/unfollow", "write:follows"),
        ("POST", f"/accounts/{ben.id}/block", "write:blocks"),
        ("POST", f"/accounts/{ben.id}/unblock", "write:blocks"),
        ("POST", f"/accounts/{ben.id}/mute", "write:mutes"),
        ("POST", f"/accounts/{ben.id}/unmute", "write:mutes"),
        ("GET", "/blocks", "read:blocks"),
        ("GET", "/mutes", "read:mutes"),
        ("GET", "/follow_requests", "read:follows"),
        ("POST", f"/follow_requests/{ben.id}/authorize", "write:follows"),
    ):
        assert (await users.replica.call(method, path, json={})).status == 401, path
        poor = users.cluster.token(anna.id, "push")
        assert (await users.replica.call(method, path, json={}, token=poor)).status == 403, path
        just = users.cluster.token(anna.id, scope, username="anna")
        answer = await users.replica.call(method, path, json={}, token=just)
        assert answer.status in (200, 404), path
    assert (await users.replica.call("GET", f"/accounts/{ben.id}")).status == 200


async def test_post_counts_follow_the_posts_service(users: UsersDeployment) -> None:
    (anna,) = await users.new_users("anna")
    newer = {"account": anna.id, "total": 7, "last_post": anna.id}
    await users.publish("author-counts", "posts", "posts.counted", anna.id, version=3, **newer)
    older = {"account": anna.id, "total": 6, "last_post": ""}
    await users.publish("author-counts", "posts", "posts.counted", anna.id, version=2, **older)
    counts = (await anna.get("/accounts/me"))["counts"]
    assert counts["statuses"] == 7
    assert len(counts["last_status_at"]) == 10


async def test_a_malformed_event_becomes_a_dead_letter(users: UsersDeployment) -> None:
    await users.publish("logins", "auth", "login.registered", "x", user_id="../..", username="x")
    letters = await users.replica.operate("GET", "/deadletters")
    assert len(letters.json()) == 1
