"""Pages of forgotten passwords and of addresses, from the mail to the login."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from tests.fakes import Response
from tests.fakes.sidecar import SentMail
from tests.services.gateway.browser import ORIGIN, FormBrowser
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment, deploy, hidden

NEW = "difference engine"
EMAIL = "ada@example.org"


@pytest.fixture
async def deployment() -> AsyncIterator[GatewayDeployment]:
    async with deploy(microgram_mail=True) as made:
        yield made


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    """A user with a confirmed address, and no mail left."""
    browser = await FormBrowser(deployment).sign_up("ada")
    (mail,) = deployment.cluster.mails
    assert (await follow(browser, mail)).status == 200
    await deployment.cluster.settle()
    deployment.cluster.mails.clear()
    return browser


async def follow(browser: FormBrowser, mail: SentMail, **typed: str) -> Response:
    """Open the link of a mail, and send its form."""
    (address,) = re.findall(r'href="([^"]+)"', mail.html)
    path = unescape(address).removeprefix(ORIGIN)
    page = await browser.get(path)
    assert page.status == 200, page.text
    return await browser.send(path.partition("?")[0], **hidden(page.text), **typed)


async def log_in(deployment: GatewayDeployment, password: str) -> bool:
    browser = FormBrowser(deployment)
    await browser.send("/login", login="ada", password=password)
    return bool(browser.cookies)


async def test_a_forgotten_password_is_replaced(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    stranger = FormBrowser(deployment)
    assert 'href="/auth/password"' in (await stranger.get("/login")).text
    assert "Send the link" in (await stranger.get("/auth/password")).text
    asked = await stranger.send("/auth/password", email=EMAIL)
    await deployment.cluster.settle()
    (mail,) = deployment.cluster.mails
    weak = await follow(stranger, mail, password="password1")
    assert (weak.status, "too easy to guess" in weak.text) == (422, True)
    led = await follow(stranger, mail, password=NEW)
    assert (led.status, led.headers["location"]) == (303, "/login?new_password=1")
    assert "Your password is changed" in (await stranger.get(led.headers["location"])).text
    assert [await log_in(deployment, one) for one in (PASSWORD, NEW)] == [False, True]
    assert (await ada.get("/settings/account")).status == 303, "the session has ended"
    again = await follow(stranger, mail, password="a third password")
    assert (again.status, "used before" in again.text) == (422, True)
    other = await stranger.send("/auth/password", email="nobody@example.org")
    assert (asked.status, asked.text) == (other.status, other.text)


async def test_a_link_of_nothing_is_an_error_of_the_page(deployment: GatewayDeployment) -> None:
    browser = FormBrowser(deployment)
    for path in ("/auth/password/edit", "/auth/confirmation"):
        assert (await browser.get(path)).status == 200
        assert (await browser.get(f"{path}?of={'9' * 500}&token={'x' * 5000}")).status == 200
        for form in ({}, {"of": "x", "token": "y"}, {"of": "1", "token": "z" * 300}):
            answer = await browser.send(path, **form, password=NEW)
            assert answer.status == 422


async def test_the_address_is_shown_and_changed(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    page = await ada.get("/settings/account")
    assert "Your address is ada@example.org." in page.text
    assert "It is confirmed." in page.text
    form = {"email": "ada@example.com", "email_password": "wrong"}
    wrong = await ada.send("/settings/email", **form)
    assert wrong.status == 422
    assert 'value="ada@example.com"' in wrong.text
    assert "Current password is wrong." in wrong.text
    led = await ada.send("/settings/email", **{**form, "email_password": PASSWORD})
    assert (led.status, led.headers["location"]) == (303, "/settings/account?saved=email")
    assert "A link was sent to ada@example.com" in (await ada.get(led.headers["location"])).text
    await deployment.cluster.settle()
    (mail,) = deployment.cluster.mails
    assert "Your address is confirmed" in (await follow(ada, mail)).text
    assert "Your address is ada@example.com." in (await ada.get("/settings/account")).text


async def test_a_registration_with_a_known_address_looks_like_any_other(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    form = {"password": PASSWORD, "agreement": "1"}
    answers = []
    for username, email in (("eve", EMAIL), ("mallory", "mallory@example.org")):
        browser = FormBrowser(deployment)
        answer = await browser.send("/auth/sign_up", username=username, email=email, **form)
        answers.append((answer.status, answer.headers["location"], list(browser.cookies)))
    assert answers == [(303, "/", ["session"])] * 2


async def test_without_mail_the_pages_say_so() -> None:
    async with deploy() as deployment:
        browser = await FormBrowser(deployment).sign_up("ada")
        assert "Your address is ada@example.org." in (await browser.get("/settings/account")).text
        stranger = FormBrowser(deployment)
        assert "/auth/password" not in (await stranger.get("/login")).text
        assert "sends no e-mail" in (await stranger.get("/auth/password")).text
