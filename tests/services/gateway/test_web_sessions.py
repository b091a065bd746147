"""Sessions of the web app: the cookie, where it leads, and who cannot use it."""

from __future__ import annotations

import re
from html import unescape

import pytest

from services.gateway.http.paths import ACCOUNT_SETTINGS
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment

PRIVATE = "private, no-store"


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    return await FormBrowser(deployment).sign_up("ada")


async def test_who_registers_is_logged_in(ada: FormBrowser) -> None:
    home = await ada.get("/")
    assert (home.status, "Welcome, @ada" in home.text) == (200, True)
    assert home.headers["cache-control"] == PRIVATE
    assert home.headers["vary"] == "Authorization, Cookie"


async def test_a_login_leads_back_to_the_page_that_was_asked_for(
    deployment: GatewayDeployment,
) -> None:
    await deployment.register("ada")
    browser = FormBrowser(deployment)
    led = await browser.send("/posts/1/favourite")
    assert (led.status, led.headers["location"]) == (303, "/login?next=/")
    form = {"login": "ada", "next": "/tags/sea?max_id=7"}
    wrong = await browser.send("/login", **form, password="wrong")
    assert wrong.status == 422
    assert 'name="next" value="/tags/sea?max_id=7"' in wrong.text
    assert not browser.cookies
    right = await browser.send("/login", **form, password=PASSWORD)
    assert (right.status, right.headers["location"]) == (303, "/tags/sea?max_id=7")
    assert list(browser.cookies) == ["session"]


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "/a\nb"]
)
async def test_a_login_never_leads_to_another_site(
    deployment: GatewayDeployment, target: str
) -> None:
    await deployment.register("ada")
    form = {"login": "ada", "password": PASSWORD, "next": target}
    led = await FormBrowser(deployment).send("/login", **form)
    assert (led.status, led.headers["location"]) == (303, "/")


async def test_the_cookie_cannot_be_read_by_scripts(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    browser = FormBrowser(deployment)
    led = await browser.send("/login", login="ada", password=PASSWORD)
    cookie = led.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_the_session_works_in_the_api(ada: FormBrowser) -> None:
    made = await ada.api("POST", "/api/v1/statuses", json={"status": "Low tide"})
    assert (made.status, made.json()["application"]["name"]) == (200, "Microgram for the web")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8081"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_site_cannot_use_the_cookie(
    ada: FormBrowser, headers: dict[str, str]
) -> None:
    for path in ("/api/v1/statuses", "/posts/1/favourite", "/graphql"):
        refused = await ada.api("POST", path, headers=headers, form={"status": "I was hacked"})
        assert refused.status == 403, path


async def test_a_request_that_does_not_say_where_it_comes_from_cannot_use_the_cookie(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    cookie = {"cookie": f"session={ada.cookies['session']}"}
    refused = await deployment.ask("POST", "/api/v1/statuses", headers=cookie, json={"status": "x"})
    assert refused.status == 403


async def test_logging_out_revokes_the_token(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    token = ada.cookies["session"]
    assert (await ada.send("/logout")).headers["location"] == "/"
    assert not ada.cookies
    await deployment.gateway.service.token_verifier.refresh()
    me = await deployment.ask("GET", "/api/v1/accounts/verify_credentials", token)
    assert me.status == 401


async def test_an_ended_session_shows_what_strangers_see(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    ended = dict(ada.cookies)
    await ada.send("/logout")
    ada.cookies = ended
    await deployment.gateway.service.token_verifier.refresh()
    assert "Sign up" in (await ada.get("/")).text
    ada.page = "/@ada"
    led = await ada.send("/posts/1/favourite")
    assert (led.status, led.headers["location"]) == (303, "/login?next=/%40ada")


async def test_a_form_of_an_ended_session_keeps_what_was_typed(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    post = (await ada.api("POST", "/api/v1/statuses", json={"status": "Low tide"})).json()
    ended = dict(ada.cookies)
    await ada.send("/logout")
    ada.cookies = ended
    await deployment.gateway.service.token_verifier.refresh()
    form = {"status": 'A "long" <b>reply', "visibility": "public"}
    refused = await ada.send(f"/posts/{post['id']}/reply", **form)
    assert refused.status == 401
    assert "Your session has ended" in refused.text
    assert f'action="/posts/{post["id"]}/reply"' in refused.text
    kept = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', refused.text)
    assert {name: unescape(value) for name, value in kept} == form
    await ada.send("/login", login="ada", password=PASSWORD)
    assert (await ada.send(f"/posts/{post['id']}/reply", **form)).status == 303


async def test_a_password_of_an_ended_session_is_not_kept(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    ended = dict(ada.cookies)
    await ada.send("/logout")
    ada.cookies = ended
    await deployment.gateway.service.token_verifier.refresh()
    form = {"current_password": PASSWORD, "password": "harbour-lantern-8"}
    led = await ada.send(ACCOUNT_SETTINGS, **form)
    assert led.status == 303
    assert led.headers["location"].startswith("/login?next=")


async def test_a_page_that_does_not_know_its_viewer_offers_no_login(ada: FormBrowser) -> None:
    missing = await ada.get("/no/such/page")
    assert missing.status == 404
    assert "Page not found" in missing.text
    assert "Log in" not in missing.text


async def test_a_token_in_a_header_opens_no_page(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    await ada.get("/")  # keeps the page ready, for the session only
    page = await deployment.ask("GET", "/", ada.cookies["session"])
    assert "Sign up" in page.text


async def test_the_credentials_of_a_proxy_do_not_hide_the_session(ada: FormBrowser) -> None:
    headers = {"authorization": "Basic dGhlOnByb3h5"}
    home = await ada.api("GET", "/", headers=headers)
    assert "Welcome, @ada" in home.text
