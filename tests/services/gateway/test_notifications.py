"""Notifications and markers in the client API, with the real services."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from services.gateway.presentation.entities.notifications import POLICY, POLICY_V1
from tests.fakes import Response
from tests.mastodon import routes
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment, SignedInUser
from tests.unit.gateway.test_notification_types import HOW

V1, V2 = "/api/v1/notifications", "/api/v2/notifications"


async def list_notifications(person: SignedInUser, path: str = V1, **params: str) -> Any:
    answer = await person.ask("GET", path, params=params)
    assert answer.status == 200, answer.text
    routes.check("GET", path, answer.json())
    return answer.json()


async def does(person: SignedInUser, method: str, path: str, **content: Any) -> Response:
    answer = await person.ask(method, path, **content)
    if answer.status == 200:
        routes.check(method, path, answer.json())
    return answer


async def a_lively_day(
    deployment: GatewayDeployment,
) -> tuple[SignedInUser, SignedInUser, str, str]:
    """Ben favourites a post by Ada, follows her, and mentions her."""
    ada, ben = await deployment.register("ada"), await deployment.register("ben")
    post = (await ada.post("statuses", {"status": "look"}))["id"]
    await ben.post(f"statuses/{post}/favourite")
    await deployment.cluster.settle()
    await ben.post(f"accounts/{ada.id}/follow")
    await deployment.cluster.settle()
    naming = (await ben.post("statuses", {"status": "@ada hello"}))["id"]
    await deployment.cluster.settle()
    return ada, ben, post, naming


async def test_notifications_are_complete_and_filtered_by_type(
    deployment: GatewayDeployment,
) -> None:
    ada, ben, post, naming = await a_lively_day(deployment)
    found = await list_notifications(ada)
    assert [each["type"] for each in found] == ["mention", "follow", "favourite"]
    assert {each["account"]["id"] for each in found} == {ben.id}
    assert [each["status"] and each["status"]["id"] for each in found] == [naming, None, post]
    one = await list_notifications(ada, f"{V1}/{found[0]['id']}")
    assert one == found[0]
    assert len(await list_notifications(ada, **{"types[]": "mention"})) == 1
    assert len(await list_notifications(ada, **{"exclude_types[]": "mention"})) == 2
    assert await list_notifications(ada, account_id=ada.id) == []
    assert await list_notifications(ben) == []
    assert await list_notifications(ada, f"{V1}/unread_count") == {"count": 3}


async def test_pages_of_notifications_have_links_that_keep_the_filter(
    deployment: GatewayDeployment,
) -> None:
    ada, _, _, _ = await a_lively_day(deployment)
    params = {"limit": "1", "exclude_types[]": "follow"}
    answer = await ada.ask("GET", V1, params=params)
    assert [each["type"] for each in answer.json()] == ["mention"]
    link = answer.headers["link"]
    assert 'rel="next"' in link
    assert "exclude_types%5B%5D=follow" in link
    older = await list_notifications(ada, max_id=answer.json()[0]["id"], **params)
    assert [each["type"] for each in older] == ["favourite"]


async def test_a_page_costs_one_call_per_service(deployment: GatewayDeployment) -> None:
    ada, _, _, _ = await a_lively_day(deployment)
    faults = deployment.gateway.sidecar.faults
    before = len(faults.calls)
    await list_notifications(ada)
    asked = [call.about[0].partition("/")[0] for call in faults.calls[before:]]
    assert sorted(asked) == ["notifications", "posts", "users"]


async def test_the_notifications_scope_covers_their_posts(
    deployment: GatewayDeployment,
) -> None:
    app = await deployment.app("read:notifications write:accounts")
    form = {"username": "eve", "email": "eve@example.org", "password": PASSWORD, "agreement": True}
    made = await deployment.ask(
        "POST", "/api/v1/accounts", await deployment.app_token(app), json=form
    )
    ben = await deployment.register("ben")
    await deployment.cluster.settle()
    naming = await ben.post("statuses", {"status": "@eve hello"})
    await deployment.cluster.settle()
    answer = await deployment.ask("GET", V1, made.json()["access_token"])
    assert [each["status"]["id"] for each in answer.json()] == [naming["id"]]


async def test_notifications_are_dismissed_and_cleared(deployment: GatewayDeployment) -> None:
    ada, ben, _, _ = await a_lively_day(deployment)
    first, second, third = await list_notifications(ada)
    assert (await does(ben, "POST", f"{V1}/{first['id']}/dismiss")).status == 404
    assert (await does(ada, "POST", f"{V1}/{first['id']}/dismiss")).status == 200
    assert await list_notifications(ada) == [second, third]
    assert (await does(ada, "POST", f"{V1}/dismiss", form={"id": third["id"]})).status == 200
    assert await list_notifications(ada) == [second]
    for id in (first["id"], "7", "x"):
        assert (await ada.ask("GET", f"{V1}/{id}")).status == 404
        assert (await ada.ask("POST", f"{V1}/{id}/dismiss")).status == 404
    assert (await does(ada, "POST", f"{V1}/clear")).status == 200
    assert await list_notifications(ada) == []


async def test_hidden_posts_and_people_are_left_out(deployment: GatewayDeployment) -> None:
    ada, ben = await deployment.register("ada"), await deployment.register("ben")
    post = await ben.post("statuses", {"status": "@ada psst", "visibility": "direct"})
    await deployment.cluster.settle()
    assert len(await list_notifications(ada)) == 1
    await ben.ask("DELETE", f"/api/v1/statuses/{post['id']}")
    assert await list_notifications(ada) == []


async def test_markers_move_forward(deployment: GatewayDeployment) -> None:
    ada, _, _, _ = await a_lively_day(deployment)
    path = "/api/v1/markers"
    assert await list_notifications(ada, path) == {}
    newest, older, _ = await list_notifications(ada)
    moved = await does(ada, "POST", path, json={"notifications": {"last_read_id": older["id"]}})
    assert moved.json()["notifications"]["last_read_id"] == older["id"]
    assert await list_notifications(ada, f"{V1}/unread_count") == {"count": 1}
    form = {"home[last_read_id]": "42", "notifications[last_read_id]": newest["id"]}
    moved = await does(ada, "POST", path, form=form)
    assert moved.json()["home"]["last_read_id"] == "42"
    assert moved.json()["notifications"]["version"] == 1
    assert (await list_notifications(ada, path)).keys() == {"home"}
    assert (await list_notifications(ada, path, **{"timeline[]": "notifications"})).keys() == {
        "notifications"
    }
    assert await list_notifications(ada, f"{V1}/unread_count") == {"count": 0}
    bad = await does(ada, "POST", path, json={"home": {"last_read_id": "newest"}})
    assert bad.status == 422


async def test_groups_have_their_accounts_and_statuses(deployment: GatewayDeployment) -> None:
    ada, ben, post, naming = await a_lively_day(deployment)
    cid = await deployment.register("cid")
    await cid.post(f"statuses/{post}/favourite")
    await deployment.cluster.settle()
    found = await list_notifications(ada, V2)
    likes, mention, follow = found["notification_groups"]
    assert (likes["type"], likes["notifications_count"], likes["status_id"]) == (
        "favourite",
        2,
        post,
    )
    assert likes["sample_account_ids"] == [cid.id, ben.id]
    assert (mention["status_id"], follow["status_id"]) == (naming, None)
    assert {each["id"] for each in found["statuses"]} == {post, naming}
    assert {each["id"] for each in found["accounts"]} == {ben.id, cid.id}
    partial = await list_notifications(ada, V2, expand_accounts="partial_avatars")
    assert partial == found | {"partial_accounts": []}
    key = likes["group_key"]
    assert (await list_notifications(ada, f"{V2}/{key}"))["notification_groups"] == [likes]
    assert [each["id"] for each in await list_notifications(ada, f"{V2}/{key}/accounts")] == [
        cid.id,
        ben.id,
    ]
    assert await list_notifications(ada, f"{V2}/unread_count") == {"count": 3}
    singly = await list_notifications(ada, V2, **{"grouped_types[]": "follow"})
    assert len(singly["notification_groups"]) == 4
    assert (await does(ada, "POST", f"{V2}/{key}/dismiss")).status == 200
    assert len((await list_notifications(ada, V2))["notification_groups"]) == 2
    assert (await ada.ask("GET", f"{V2}/{key}")).status == 404


NEWER = ("pleroma:chat_mention", "poll", "admin.sign_up", "Mention", "", "x" * 300, "{}", "é")


@pytest.mark.parametrize("how", HOW)
async def test_unknown_types_are_ignored(deployment: GatewayDeployment, how: str) -> None:
    ada, _, _, _ = await a_lively_day(deployment)
    write = HOW[how]

    async def of(path: str, **lists: list[str]) -> Any:
        pairs = [pair for name, types in lists.items() for pair in write(name, types)]
        answer = await ada.ask("GET", f"{path}?{urlencode(pairs)}")
        assert answer.status == 200, answer.text
        return answer.json()

    newer, every = list(NEWER), ["mention", "follow", "favourite"]
    for known in ([], ["mention"], ["favourite", "follow"]):
        left = [each for each in every if each not in known]
        assert [e["type"] for e in await of(V1, exclude_types=[*newer, *known])] == left
        groups = await of(V2, exclude_types=[*newer, *known])
        assert [e["type"] for e in groups["notification_groups"]] == left
        chosen = [each for each in every if each in known]
        assert [e["type"] for e in await of(V1, types=[*newer, *known])] == chosen
        count = {"count": len(chosen)}
        assert await of(f"{V1}/unread_count", types=[*newer, *known]) == count
        assert await of(f"{V2}/unread_count", types=[*known, *newer]) == count
    grouped = (await of(V2, grouped_types=[*newer, "favourite"]))["notification_groups"]
    alone = {each["type"]: each["group_key"].startswith("ungrouped") for each in grouped}
    assert alone == {"mention": True, "follow": True, "favourite": False}


async def test_unknown_policy_values_are_ignored(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    for path in (f"{V1}/policy", f"{V2}/policy"):
        method = "PUT" if path.startswith(V1) else "PATCH"
        for said in ({"for_not_following": "shrug"}, {"for_bots": "drop"}, {"for_new_accounts": 7}):
            assert (await does(ada, method, path, json=said)).status == 200


async def test_no_notification_is_filtered(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    assert await list_notifications(ada, f"{V1}/policy") == POLICY_V1
    assert await list_notifications(ada, f"{V2}/policy") == POLICY
    kept = await does(ada, "PATCH", f"{V2}/policy", json={"for_not_following": "accept"})
    assert kept.json() == POLICY
    assert (await ada.ask("PATCH", f"{V2}/policy", json={"for_new_accounts": "drop"})).status == 422
    assert await list_notifications(ada, f"{V1}/requests") == []
    assert await list_notifications(ada, f"{V1}/requests/merged") == {"merged": True}
    assert (await ada.ask("GET", f"{V1}/requests/5")).status == 404
    assert (await ada.ask("POST", f"{V1}/requests/5/accept")).status == 404
    assert (await does(ada, "POST", f"{V1}/requests/dismiss")).json() == {}


@pytest.mark.parametrize(
    "path", ["notifications", "notifications/unread_count", "markers", "notifications/policy"]
)
async def test_notifications_require_a_token(deployment: GatewayDeployment, path: str) -> None:
    assert (await deployment.ask("GET", f"/api/v1/{path}")).status == 401
