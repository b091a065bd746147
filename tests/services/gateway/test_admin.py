"""What admins may, and nobody else; what a suspension hides, and gives back."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings
from services.posts import suspensions
from tests.services.gateway.world import Person, Place


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspensions, "FRESH", 0.0)


def admin_routes() -> list[tuple[str, str]]:
    """Every route for admins, from the gateway's own description."""
    app = create_app(create_service(GatewaySettings(app_id="gateway", app_port=1)))
    return [
        (method.upper(), path.replace("{id}", "1"))
        for path, operations in app.openapi()["paths"].items()
        if path.startswith("/api/v1/admin")
        for method in operations
    ]


async def test_every_admin_route_refuses_who_is_none(place: Place) -> None:
    routes = admin_routes()
    assert len(routes) >= 3
    ada = await place.person("ada")
    hers = await place.log_in("ada", "read write follow push admin:read admin:write")
    judge = await place.admin("judge")
    plain = await place.log_in("judge", "read write follow push")
    reader = await place.log_in("judge", "read admin:read")
    app = await place.app_token(await place.app("read write admin:read admin:write"))
    for method, path in routes:
        assert (await place.ask(method, path)).status == 401, path
        for token in (hers, ada.token, plain, app):
            assert (await place.ask(method, path, token)).status in (401, 403), path
        if method == "POST":
            assert (await place.ask(method, path, reader)).status == 403, path
        known = await judge.ask(method, path)
        assert known.status in (200, 404, 422), (path, known.text)


async def test_the_role_and_its_permissions_are_shown(place: Place) -> None:
    ada, judge = await place.person("ada"), await place.admin("judge")
    for person, name, permissions in ((ada, "", "0"), (judge, "Admin", "1040")):
        role = (await person.get("accounts/verify_credentials"))["role"]
        assert (role["name"], role["permissions"]) == (name, permissions)
    seen = await judge.get(f"admin/accounts/{ada.id}")
    assert seen["email"] == "ada@example.org"
    assert not seen["suspended"]
    assert (await judge.ask("GET", "/api/v1/admin/accounts/77")).status == 404


async def seen_of(ada: Person, ben: Person, post: str, root: str) -> dict[str, Any]:
    """Whether something of Ada is there, on every path that leads to her."""
    await ben.settled()
    context = await ben.get(f"statuses/{root}/context")
    search = await ben.get("accounts/search", q="ada")
    author = await ben.get(f"accounts/{ada.id}")
    return {
        "by id": (await ben.ask("GET", f"/api/v1/statuses/{post}")).status == 200,
        "to strangers": (await ben.place.ask("GET", f"/api/v1/statuses/{post}")).status == 200,
        "page": (await ben.place.ask("GET", f"/@ada/{post}")).status == 200,
        "context": bool(context["descendants"]),
        "home": any(s["account"]["id"] == ada.id for s in await ben.get("timelines/home")),
        "public": any(s["account"]["id"] == ada.id for s in await ben.get("timelines/public")),
        "tag": bool(await ben.get("timelines/tag/sea")),
        "own": bool(await ben.get(f"accounts/{ada.id}/statuses")),
        "likes": bool(await ben.get("favourites")),
        "search": bool(search),
        "followers": bool(await ben.get(f"accounts/{ben.id}/followers")),
        "following": bool(await ben.get(f"accounts/{ada.id}/following")),
        "name": author["display_name"] == "Ada L.",
        "is not suspended": not author["suspended"],
    }


async def test_a_suspension_hides_everything_and_gives_it_back(place: Place) -> None:
    ada, ben, judge = await place.person("ada"), await place.person("ben"), await place.admin("m")
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
        await place.log_in("ada", "read")
    again = await judge.post(f"admin/accounts/{ada.id}/unsuspend")
    assert not again["suspended"]
    after = await seen_of(ada, ben, post, root)
    assert after == before
    assert await place.log_in("ada", "read")


async def test_an_admin_removes_a_post_for_everybody(place: Place) -> None:
    ada, judge = await place.person("ada"), await place.admin("judge")
    for visibility in ("public", "private", "direct"):
        new = {"status": "bad", "visibility": visibility}
        post = (await ada.post("statuses", new))["id"]
        removed = await judge.ask("DELETE", f"/api/v1/statuses/{post}")
        assert (removed.status, removed.json()["text"]) == (200, "bad")
        assert (await ada.ask("GET", f"/api/v1/statuses/{post}")).status == 404
