"""The admin API, and what a suspension hides and restores."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings
from services.posts.application import suspended_accounts
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspended_accounts, "LIST_TTL", 0.0)


def admin_routes() -> list[tuple[str, str]]:
    """Every admin route, from the gateway's OpenAPI document."""
    app = create_app(create_service(GatewaySettings(app_id="gateway", app_port=1)))
    return [
        (method.upper(), path.replace("{id}", "1"))
        for path, operations in app.openapi()["paths"].items()
        if path.startswith("/api/v1/admin")
        for method in operations
    ]


async def test_every_admin_route_rejects_other_users(deployment: GatewayDeployment) -> None:
    routes = admin_routes()
    assert len(routes) >= 3
    ada = await deployment.register("ada")
    hers = await deployment.log_in("ada", "read write follow push admin:read admin:write")
    judge = await deployment.admin("judge")
    plain = await deployment.log_in("judge", "read write follow push")
    reader = await deployment.log_in("judge", "read admin:read")
    app = await deployment.app_token(await deployment.app("read write admin:read admin:write"))
    for method, path in routes:
        assert (await deployment.ask(method, path)).status == 401, path
        for token in (hers, ada.token, plain, app):
            assert (await deployment.ask(method, path, token)).status in (401, 403), path
        if method == "POST":
            assert (await deployment.ask(method, path, reader)).status == 403, path
        known = await judge.ask(method, path)
        assert known.status in (200, 404, 422), (path, known.text)


async def test_role_and_permissions_are_returned(deployment: GatewayDeployment) -> None:
    ada, judge = await deployment.register("ada"), await deployment.admin("judge")
    for person, name, permissions in ((ada, "", "0"), (judge, "Admin", "1040")):
        role = (await person.get("accounts/verify_credentials"))["role"]
        assert (role["name"], role["permissions"]) == (name, permissions)
    seen = await judge.get(f"admin/accounts/{ada.id}")
    assert seen["email"] == "ada@example.org"
    assert not seen["suspended"]
    assert (await judge.ask("GET", "/api/v1/admin/accounts/77")).status == 404


async def seen_of(ada: SignedInUser, ben: SignedInUser, post: str, root: str) -> dict[str, Any]:
    """Whether Ada's data is visible, for every path that shows it."""
    await ben.settled()
    context = await ben.get(f"statuses/{root}/context")
    search = await ben.get("accounts/search", q="ada")
    author = await ben.get(f"accounts/{ada.id}")
    return {
        "by id": (await ben.ask("GET", f"/api/v1/statuses/{post}")).status == 200,
        "to strangers": (await ben.deployment.ask("GET", f"/api/v1/statuses/{post}")).status == 200,
        "page": (await ben.deployment.ask("GET", f"/@ada/{post}")).status == 200,
        "context": bool(context["descendants"]),
        "home": any(s["account"]["id"] == ada.id for s in await ben.get("timelines/home")),
        "public": any(s["account"]["id"] == ada.id for s in await ben.get("timelines/public")),
        "tag": bool(await ben.get("timelines/tag/sea")),
        "own": bool(await ben.get(f"accounts/{ada.id}/statuses")),
        "likes": bool(await ben.get("favourites")),
        "notified": any(n["account"]["id"] == ada.id for n in await ben.get("notifications")),
        "search": bool(search),
        "followers": bool(await ben.get(f"accounts/{ben.id}/followers")),
        "following": bool(await ben.get(f"accounts/{ada.id}/following")),
        "name": author["display_name"] == "Ada L.",
        "is not suspended": not author["suspended"],
    }


async def test_a_suspension_hides_all_data_and_its_end_restores_it(
    deployment: GatewayDeployment,
) -> None:
    ada, ben, judge = (
        await deployment.register("ada"),
        await deployment.register("ben"),
        await deployment.admin("m"),
    )
    await ada.ask(
        "PATCH",
        "/api/v1/accounts/update_credentials",
        json={"display_name": "Ada L.", "note": "hello"},
    )
    await ben.post(f"accounts/{ada.id}/follow")
    await ada.post(f"accounts/{ben.id}/follow")
    root = (await ben.post("statuses", {"status": "root"}))["id"]
    post = (await ada.post("statuses", {"status": "the #sea"}))["id"]
    await ada.post("statuses", {"status": "a reply", "in_reply_to_id": root})
    await ben.post(f"statuses/{post}/favourite")
    await ada.post(f"statuses/{root}/favourite")
    before = await seen_of(ada, ben, post, root)
    assert all(before.values()), before
    act = f"/api/v1/admin/accounts/{ada.id}/action"
    assert (await judge.ask("POST", act, json={"type": "silence"})).status == 422
    assert (await judge.ask("POST", act, json={"type": "none"})).status == 200
    for _ in range(2):
        assert (await judge.ask("POST", act, json={"type": "suspend"})).json() == {}
    assert (await judge.get(f"admin/accounts/{ada.id}"))["suspended"]
    hidden = await seen_of(ada, ben, post, root)
    assert not any(hidden.values()), hidden
    assert (await ben.ask("POST", f"/api/v1/accounts/{ada.id}/follow")).status == 404
    with pytest.raises(AssertionError, match="suspended"):
        await deployment.log_in("ada", "read")
    again = await judge.post(f"admin/accounts/{ada.id}/unsuspend")
    assert not again["suspended"]
    after = await seen_of(ada, ben, post, root)
    assert after == before
    assert await deployment.log_in("ada", "read")


async def test_an_admin_deletes_a_post(deployment: GatewayDeployment) -> None:
    ada, judge = await deployment.register("ada"), await deployment.admin("judge")
    for visibility in ("public", "private", "direct"):
        new = {"status": "bad", "visibility": visibility}
        post = (await ada.post("statuses", new))["id"]
        removed = await judge.ask("DELETE", f"/api/v1/statuses/{post}")
        assert (removed.status, removed.json()["text"]) == (200, "bad")
        assert (await ada.ask("GET", f"/api/v1/statuses/{post}")).status == 404


async def test_admins_get_reports_with_accounts_statuses_and_rules(
    deployment: GatewayDeployment,
) -> None:
    ada, ben, judge = (
        await deployment.register("ada"),
        await deployment.register("ben"),
        await deployment.admin("m"),
    )
    await ben.post(f"accounts/{ada.id}/follow")
    await deployment.cluster.settle()
    post = (await ada.post("statuses", {"status": "bad", "visibility": "private"}))["id"]
    form = {"account_id": ada.id, "status_ids": [post], "comment": "Look.", "rule_ids": ["2"]}
    made = await ben.post("reports", form)
    assert (made["category"], made["status_ids"], made["rule_ids"]) == ("violation", [post], ["2"])
    assert not made["action_taken"]
    second = await ben.post("reports", {"account_id": ada.id, "category": "spam"})
    listed = await judge.get("admin/reports")
    assert [report["id"] for report in listed] == [second["id"], made["id"]]
    report = listed[1]
    assert report["account"]["email"] == "ben@example.org"
    assert report["target_account"]["id"] == ada.id
    assert [status["id"] for status in report["statuses"]] == [post]  # though it is private
    assert [rule["id"] for rule in report["rules"]] == ["2"]
    assert [r["id"] for r in await judge.get("admin/reports", limit="1")] == [second["id"]]
    assert not await judge.get("admin/reports", target_account_id=ben.id)
    assert not await judge.get("admin/reports", account_id=ada.id)
    assert len(await judge.get("admin/reports", target_account_id=ada.id)) == 2
    path = f"admin/reports/{made['id']}"
    assert (await judge.post(f"{path}/assign_to_self"))["assigned_account"]["id"] == judge.id
    assert (await judge.post(f"{path}/unassign"))["assigned_account"] is None
    for _ in range(2):
        done = await judge.post(f"{path}/resolve")
        assert done["action_taken_by_account"]["id"] == judge.id
    assert [r["id"] for r in await judge.get("admin/reports")] == [second["id"]]
    assert [r["id"] for r in await judge.get("admin/reports", resolved="true")] == [made["id"]]
    assert not (await judge.post(f"{path}/reopen"))["action_taken"]
    assert len(await judge.get("admin/reports")) == 2
    await judge.post(
        f"admin/accounts/{ada.id}/action", {"type": "suspend", "report_id": made["id"]}
    )
    shown = await judge.get(path)
    assert shown["action_taken"]
    assert shown["target_account"]["suspended"]
    assert [status["id"] for status in shown["statuses"]] == [post]


async def test_invalid_reports_are_rejected(deployment: GatewayDeployment) -> None:
    ada, ben = await deployment.register("ada"), await deployment.register("ben")
    hers = (await ada.post("statuses", {"status": "x"}))["id"]
    secret = (await ada.post("statuses", {"status": "x", "visibility": "private"}))["id"]
    own = (await ben.post("statuses", {"status": "x"}))["id"]
    good = {"account_id": ada.id}
    for form, status in (
        ({}, 422),
        ({"account_id": "77"}, 404),
        ({"account_id": "a/../b"}, 404),
        ({"account_id": ben.id}, 422),
        ({**good, "category": "boring"}, 422),
        ({**good, "rule_ids": ["77"]}, 422),
        ({**good, "rule_ids": ["1"], "category": "spam"}, 422),
        ({**good, "comment": "x" * 1001}, 422),
        ({**good, "status_ids": ["77"]}, 404),
        ({**good, "status_ids": [hers, secret]}, 404),
        ({**good, "status_ids": [own]}, 422),
        ({**good, "status_ids": [str(n) for n in range(41)]}, 422),
    ):
        refused = await ben.ask("POST", "/api/v1/reports", json=form)
        assert refused.status == status, (form, refused.text)
    await ben.post("reports", {**good, "status_ids": [hers]})
    assert (await deployment.ask("POST", "/api/v1/reports", json=good)).status == 401
    reader = await deployment.log_in("ben", "read")
    assert (await deployment.ask("POST", "/api/v1/reports", reader, json=good)).status == 403
