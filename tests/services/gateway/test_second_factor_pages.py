"""Pages of the second factor, from the QR code to the login and to an app."""

from __future__ import annotations

import re
import time

import pyotp
import pytest

from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import OOB, PASSWORD, GatewayDeployment, hidden

SETTINGS = "/settings/second-factor"


def code(secret: str, steps: int) -> str:
    return str(pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + steps))


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    return await FormBrowser(deployment).sign_up("ada")


async def test_it_is_set_up_used_and_disabled(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    assert SETTINGS in (await ada.get("/settings")).text
    assert "Set it up" in (await ada.get(SETTINGS)).text
    wrong = await ada.send(SETTINGS, current_password="wrong")
    assert (wrong.status, "Current password is wrong." in wrong.text) == (422, True)
    shown = await ada.send(SETTINGS, current_password=PASSWORD)
    assert "<svg" in shown.text
    assert "style=" not in shown.text
    form = hidden(shown.text)
    refused = await ada.send(f"{SETTINGS}/confirm", **form, second_factor="000000")
    assert (refused.status, form["secret"] in refused.text) == (422, True)
    done = await ada.send(f"{SETTINGS}/confirm", **form, second_factor=code(form["secret"], -1))
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", done.text)
    assert len(codes) == 10

    stranger = FormBrowser(deployment)
    asked = await stranger.send("/login", login="ada", password=PASSWORD, next="/explore")
    assert (asked.status, stranger.cookies) == (200, {})
    assert PASSWORD not in asked.text
    again = await stranger.send("/login", **hidden(asked.text), second_factor="000000")
    assert (again.status, "This code is wrong" in again.text) == (422, True)
    led = await stranger.send("/login", **hidden(again.text), second_factor=code(form["secret"], 0))
    assert (led.status, led.headers["location"]) == (303, "/explore")
    assert "session" in stranger.cookies

    page = await ada.get(SETTINGS)
    assert "You have 10 recovery codes left." in page.text
    off = await ada.send(f"{SETTINGS}/disable", current_password=PASSWORD)
    assert off.status == 303
    plain = FormBrowser(deployment)
    assert (await plain.send("/login", login="ada", password=PASSWORD)).status == 303


async def test_an_app_is_authorized_with_a_recovery_code(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    form = hidden((await ada.send(SETTINGS, current_password=PASSWORD)).text)
    done = await ada.send(f"{SETTINGS}/confirm", **form, second_factor=code(form["secret"], 0))
    recovery = re.findall(r"<code>([A-Z2-7-]{19})</code>", done.text)[0]
    app = await deployment.app("read")
    query = {"client_id": app["client_id"], "redirect_uri": OOB, "scope": "read"}
    page = await deployment.ask(
        "GET", "/oauth/authorize", params={**query, "response_type": "code"}
    )
    who = {"login": "ada", "password": PASSWORD, "decision": "allow"}
    asked = await deployment.ask("POST", "/oauth/authorize", form={**hidden(page.text), **who})
    proof = {**hidden(asked.text), "second_factor": recovery}
    shown = await deployment.ask("POST", "/oauth/authorize", form=proof)
    assert 'name="code" value="' in shown.text
    used = await deployment.ask("POST", "/oauth/authorize", form=proof)
    assert used.status == 422


async def test_the_password_alone_deletes_nothing(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    form = hidden((await ada.send(SETTINGS, current_password=PASSWORD)).text)
    await ada.send(f"{SETTINGS}/confirm", **form, second_factor=code(form["secret"], 0))
    who = {"login": "ada", "password": PASSWORD, "sure": "1"}
    refused = await FormBrowser(deployment).send("/auth/delete", **who)
    assert (refused.status, "second factor" in refused.text) == (422, True)
    assert (await ada.send("/auth/delete", **who)).status == 200
