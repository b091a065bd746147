"""Deleting an account deletes all of its data."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.services.gateway.deployment import (
    PASSWORD,
    GatewayDeployment,
    SignedInUser,
    media_app,
    multipart,
    posts_app,
    users_app,
)

_CREATE = {"users": users_app, "posts": posts_app, "media": media_app}


async def leave(person: SignedInUser) -> None:
    done = await person.ask("POST", "/api/v1/accounts/delete", json={"password": PASSWORD})
    assert done.status == 200, done.text
    for _ in range(12):  # errands go on by events
        await person.deployment.cluster.settle(rounds=1)


async def picture_of(person: SignedInUser, kind: str) -> str:
    content = multipart({}, {kind: b"\xff\xd8\xff a picture"})
    path = "/api/v1/accounts/update_credentials"
    changed = await person.ask("PATCH", path, **content)
    assert changed.status == 200, changed.text
    return str(changed.json()[kind]).rpartition("/")[2]


async def a_life(
    deployment: GatewayDeployment,
) -> tuple[SignedInUser, SignedInUser, SignedInUser, dict[str, Any]]:
    """Ada used every feature, together with bob and cyd."""
    ada, bob, cyd = [await deployment.register(name) for name in ("ada", "bob", "cyd")]
    picture = await ada.upload("boats")
    await ada.upload("never shown")
    await picture_of(ada, "avatar")
    made = [await ada.post("statuses", {"status": "first #sea", "media_ids": [picture["id"]]})]
    made.append(await ada.post("statuses", {"status": "@bob psst", "visibility": "direct"}))
    made.append(await ada.post("statuses", {"status": "friends", "visibility": "private"}))
    theirs = await bob.post("statuses", {"status": "mine"})
    made.append(await ada.post("statuses", {"status": "nice", "in_reply_to_id": theirs["id"]}))
    for verb in ("favourite", "bookmark"):
        await ada.post(f"statuses/{theirs['id']}/{verb}")
    for one, other in ((ada, bob), (bob, ada), (cyd, ada)):
        await one.post(f"accounts/{other.id}/follow")
    await ada.post(f"accounts/{cyd.id}/mute")
    await ada.post(f"accounts/{cyd.id}/note", {"comment": "odd"})
    await cyd.post(f"accounts/{ada.id}/block")
    await deployment.cluster.settle()
    return ada, bob, cyd, {"made": made, "theirs": theirs}


async def test_deletion_removes_all_data_of_the_account(deployment: GatewayDeployment) -> None:
    ada, bob, cyd, life = await a_life(deployment)
    assert (await bob.get(f"statuses/{life['theirs']['id']}"))["favourites_count"] == 1
    await leave(ada)
    assert deployment.cluster.blobs == {}
    for post in life["made"]:
        assert (await bob.ask("GET", f"/api/v1/statuses/{post['id']}")).status == 404
    after = await bob.get(f"statuses/{life['theirs']['id']}")
    assert (after["favourites_count"], after["replies_count"]) == (0, 0)
    assert (await bob.ask("GET", f"/api/v1/accounts/{ada.id}")).status == 404
    assert (await bob.ask("GET", "/api/v1/accounts/lookup?acct=ada")).status == 404
    for path in (f"statuses/{life['theirs']['id']}/favourited_by", "accounts/search?q=ada"):
        assert await bob.get(path) == []
    me = await bob.get("accounts/verify_credentials")
    assert (me["followers_count"], me["following_count"]) == (0, 0)
    for path in ("timelines/home", "timelines/public", "timelines/tag/sea"):
        assert "ada" not in [one["account"]["acct"] for one in await bob.get(path)]
    assert await cyd.get("blocks") == []
    assert await bob.get("accounts/relationships?id[]=" + ada.id) == []
    assert (await deployment.ask("GET", f"/api/v1/accounts/{ada.id}/statuses")).status == 404


async def test_tombstones_of_a_deleted_account_hold_no_data(deployment: GatewayDeployment) -> None:
    ada, *_ = await a_life(deployment)
    await leave(ada)
    for service, state in deployment.cluster.states.items():
        for key in state.keys(""):
            text = str(state.peek(key))
            for word in ("first #sea", "psst", "friends", "boats", "ada@example.org", "odd"):
                assert word not in text, (service, key)


async def test_a_deleted_login_is_reported_and_its_name_stays_reserved(
    deployment: GatewayDeployment,
) -> None:
    ada, app = await deployment.register("ada"), await deployment.app()
    wrong = await ada.ask("POST", "/api/v1/accounts/delete", json={"password": "wrong"})
    assert wrong.status == 403
    assert (await ada.ask("GET", "/api/v1/accounts/verify_credentials")).status == 200
    await leave(ada)
    for running in deployment.cluster.running:
        await running.service.token_verifier._read_revocations()
    assert (await ada.ask("GET", "/api/v1/accounts/verify_credentials")).status == 401
    form = {
        "client_id": app["client_id"],
        "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
        "login": "ada",
        "password": PASSWORD,
    }
    page = await deployment.ask("POST", "/oauth/authorize", form=form)
    assert page.status == 422
    assert "do not match" in page.text
    taken = {
        "username": "ada",
        "email": "other@example.org",
        "password": PASSWORD,
        "agreement": True,
    }
    token = await deployment.app_token(app)
    assert (await deployment.ask("POST", "/api/v1/accounts", token, json=taken)).status == 422
    free = {**taken, "username": "ada2", "email": "ada@example.org"}
    assert (await deployment.ask("POST", "/api/v1/accounts", token, json=free)).status == 200


async def test_an_account_is_deleted_on_a_page(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    assert "Delete permanently" in (await deployment.ask("GET", "/auth/delete")).text
    form = {"login": "ada", "password": PASSWORD}
    unsure = await deployment.ask("POST", "/auth/delete", form=form)
    assert (unsure.status, "Confirm that you are sure" in unsure.text) == (422, True)
    wrong = await deployment.ask(
        "POST", "/auth/delete", form={**form, "password": "x", "sure": "1"}
    )
    assert (wrong.status, "do not match" in wrong.text) == (422, True)
    assert (await ada.ask("GET", f"/api/v1/accounts/{ada.id}")).status == 200
    done = await deployment.ask("POST", "/auth/delete", form={**form, "sure": "1"})
    assert (done.status, "is deleted" in done.text) == (200, True)
    await deployment.cluster.settle()
    assert (await deployment.ask("GET", f"/api/v1/accounts/{ada.id}")).status == 404


async def test_a_user_cannot_delete_another_account(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    auth = next(one for one in deployment.cluster.running if one.name == "auth")
    form = {"login": "bob", "password": PASSWORD}
    refused = await auth.call("POST", "/deletions", json=form, token=ada.token)
    assert refused.status == 401
    assert (await bob.ask("GET", "/api/v1/accounts/verify_credentials")).status == 200


async def test_data_created_during_the_deletion_is_deleted(deployment: GatewayDeployment) -> None:
    """The token stays valid for some seconds, until the revocation is known."""
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    theirs = await bob.post("statuses", {"status": "mine"})
    await deployment.cluster.settle()
    await leave(ada)
    late = await ada.ask("POST", "/api/v1/statuses", json={"status": "one more"})
    await ada.ask("POST", f"/api/v1/statuses/{theirs['id']}/favourite")
    content = multipart({"description": ""}, {"file": b"\xff\xd8\xff a picture"})
    assert (await ada.ask("POST", "/api/v2/media", **content)).status == 401
    for _ in range(4):
        await deployment.cluster.settle()
    assert deployment.cluster.blobs == {}
    assert (await bob.get(f"statuses/{theirs['id']}"))["favourites_count"] == 0
    if late.status == 200:
        assert (await bob.ask("GET", f"/api/v1/statuses/{late.json()['id']}")).status == 404
    assert [one["account"]["acct"] for one in await bob.get("timelines/public")] == ["bob"]


@pytest.mark.parametrize("service", ["users", "posts", "media"])
@pytest.mark.parametrize("nth", [1, 4, 9])
async def test_an_interrupted_deletion_is_resumed(
    deployment: GatewayDeployment, service: str, nth: int
) -> None:
    ada, bob, _, life = await a_life(deployment)
    doomed = next(one for one in deployment.cluster.running if one.name == service)
    about = {"users": "edge:", "posts": "post:", "media": "attachment:"}[service]
    doomed.sidecar.state.faults.crash("compare_and_set", about=about, nth=nth)
    done = await ada.ask("POST", "/api/v1/accounts/delete", json={"password": PASSWORD})
    assert done.status == 200
    await _until_dead_or_settled(deployment, doomed)
    assert doomed.sidecar.state.faults.dead.is_set() or nth > 1
    await doomed.kill()
    doomed.service.outboxes.clear()
    await deployment.cluster.start(_CREATE[service], service)
    for _ in range(12):
        await deployment.cluster.settle()
    assert deployment.cluster.blobs == {}
    for post in life["made"]:
        assert (await bob.ask("GET", f"/api/v1/statuses/{post['id']}")).status == 404
    me = await bob.get("accounts/verify_credentials")
    assert (me["followers_count"], me["following_count"]) == (0, 0)


async def _until_dead_or_settled(deployment: GatewayDeployment, doomed: Any) -> None:
    settled = asyncio.ensure_future(deployment.cluster.settle(rounds=6))
    dead = asyncio.ensure_future(doomed.sidecar.state.faults.dead.wait())
    await asyncio.wait({settled, dead}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    for task in (settled, dead):
        task.cancel()
    await asyncio.gather(settled, dead, return_exceptions=True)
