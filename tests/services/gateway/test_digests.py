"""Digests by mail."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.fakes.waiting import until
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment, deploy, hidden, notifications_app

DIGEST = "/api/v1/notifications/digest"


@pytest.fixture
async def mailing() -> AsyncIterator[GatewayDeployment]:
    """A deployment that sends digests often."""
    async with deploy() as deployment:
        (silent,) = [one for one in deployment.cluster.running if one.name == "notifications"]
        await silent.stop()
        settings = {"microgram_digest_hours": 0.0001}
        await deployment.cluster.start(notifications_app, "notifications", **settings)
        yield deployment


async def test_digests_are_enabled_and_unsubscribed_by_link(
    mailing: GatewayDeployment,
) -> None:
    ada, bob = await mailing.register("ada"), await mailing.register("bob")
    assert (await ada.get("notifications/digest"))["enabled"] is False
    for nonsense in ({}, {"enabled": "perhaps"}):
        assert (await ada.ask("PUT", DIGEST, json=nonsense)).status == 422
    on = await ada.ask("PUT", DIGEST, form={"enabled": "1"})
    assert (on.status, on.json()["enabled"], on.json()["available"]) == (200, True, True)
    post = await ada.post("statuses", {"status": "a secret word"})
    await bob.post(f"statuses/{post['id']}/favourite")
    await until(lambda: mailing.cluster.mails)
    (mail,) = mailing.cluster.mails
    assert mail.to == "ada@example.org"
    assert f'href="http://127.0.0.1:8080/@ada/{post["id"]}"' in mail.html
    assert "secret word" not in mail.html

    found = re.search(r'href="http://127.0.0.1:8080(/digests/stop[^"]+)"', mail.html)
    assert found
    link = found[1].replace("&amp;", "&")
    page = await mailing.ask("GET", link)
    assert page.status == 200
    assert (await ada.get("notifications/digest"))["enabled"] is True  # looking changes nothing
    form = hidden(page.text)
    for wrong in ("x", "\u00e9"):
        refused = await mailing.ask("POST", "/digests/stop", form={**form, "key": wrong})
        assert refused.status == 404
        assert "Open the link from your newest digest." in refused.text
    incomplete = await mailing.ask("POST", "/digests/stop", form={})
    assert (incomplete.status, "The link is incomplete." in incomplete.text) == (404, True)
    done = await mailing.ask("POST", "/digests/stop", form=form)
    assert (done.status, "No more digests" in done.text) == (200, True)
    assert (await ada.get("notifications/digest"))["enabled"] is False
    assert (await ada.ask("GET", f"/api/v1/accounts/{ada.id}")).status == 200


async def test_digests_are_switched_on_and_off_in_the_settings(
    mailing: GatewayDeployment,
) -> None:
    ada = await FormBrowser(mailing).sign_up("ada")
    assert (await ada.send("/settings/notifications", enabled="1")).status == 303
    assert (await ada.api("GET", DIGEST)).json()["enabled"] is True
    assert 'value="1" checked' in (await ada.get("/settings/notifications")).text
    assert (await ada.send("/settings/notifications")).status == 303
    assert (await ada.api("GET", DIGEST)).json()["enabled"] is False


async def test_digests_cannot_be_enabled_without_mail(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    refused = await ada.ask("PUT", DIGEST, json={"enabled": True})
    assert (refused.status, refused.json()["error"]) == (422, "This instance sends no e-mail.")
    assert (await ada.get("notifications/digest"))["available"] is False


async def test_only_the_mail_sender_may_read_addresses(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    (auth,) = [one for one in deployment.cluster.running if one.name == "auth"]
    path = f"/addresses/{ada.id}"
    answer = await auth.call("GET", path, caller="notifications")
    assert answer.json() == {"username": "ada", "email": "ada@example.org"}
    for caller in ("gateway", "users", "media", ""):
        refused = await auth.call("GET", path, caller=caller, token=ada.token)
        assert refused.status == 403
        assert "example.org" not in refused.text
    assert (await auth.call("GET", "/addresses/1", caller="notifications")).status == 404
    assert "example.org" not in str(
        [state._rows for name, state in deployment.cluster.states.items() if name != "auth"]
    )
