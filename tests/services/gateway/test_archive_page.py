"""The page on which users download their archive."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from services.chassis.errors import Unavailable
from services.media.exports import domain
from tests.fakes import Response
from tests.services.gateway.deployment import (
    PASSWORD,
    GatewayDeployment,
    deploy,
    has_only_own_scripts,
)
from tests.services.gateway.test_account_deletion import leave
from tests.services.orders.harness import eventually

PAGE = "/auth/archive"
FORM = {"login": "ada", "password": PASSWORD}

pytestmark = pytest.mark.usefixtures("fast_exports")


@pytest.fixture
async def deployment(complete: GatewayDeployment) -> GatewayDeployment:
    return complete


class Browser:
    """Keeps the cookie, and sends it like a browser."""

    def __init__(self, deployment: GatewayDeployment) -> None:
        self.deployment = deployment
        self.cookie: Morsel[str] | None = None

    async def ask(self, method: str, path: str = "", **content: Any) -> Response:
        headers = {"accept": "text/html", **content.pop("headers", {})}
        if self.cookie is not None:
            headers["cookie"] = f"archive={self.cookie.value}"
        if method == "POST":
            headers.setdefault("sec-fetch-site", "same-origin")
        answer = await self.deployment.ask(method, PAGE + path, headers=headers, **content)
        if "set-cookie" in answer.headers:
            self.cookie = SimpleCookie(answer.headers["set-cookie"])["archive"]
        return answer

    async def log_in(self, login: str = "ada") -> None:
        answer = await self.ask("POST", form=FORM | {"login": login})
        assert (answer.status, answer.headers["location"]) == (303, PAGE)

    async def shows(self, word: str) -> str:
        """The page once it has a word."""
        async with asyncio.timeout(60):
            while True:
                page = (await self.ask("GET")).text
                if word in page:
                    return page
                await asyncio.sleep(0.05)


async def test_a_user_logs_in_requests_an_archive_and_downloads_it(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    await ada.post("statuses", {"status": "first"})
    await deployment.cluster.settle()
    browser = Browser(deployment)
    form = await browser.ask("GET")
    assert (form.status, 'type="password"' in form.text, browser.cookie) == (200, True, None)
    await browser.log_in()
    assert "Request my archive" in (await browser.ask("GET")).text
    asked = await browser.ask("POST", "/request")
    assert (asked.status, asked.headers["location"]) == (303, PAGE)
    page = await browser.shows("Download")
    assert "http-equiv" not in page
    assert "available until" in page
    answer = await browser.ask("GET", "/file")
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    assert "no-store" in answer.headers["cache-control"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert [one["text"] for one in json.loads(archive.read("posts.json"))] == ["first"]
    theirs = await ada.ask("GET", "/api/v1/export/archive")
    assert theirs.body == answer.body


async def test_the_page_shows_progress_without_scripts(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    browser = Browser(deployment)
    await browser.log_in()
    media = next(one for one in deployment.cluster.running if one.name == "media")
    trouble = Unavailable("not reachable")
    media.sidecar.faults.fail("invoke", about="posts/belongings", error=trouble, times=10_000)
    await browser.ask("POST", "/request")
    page = await browser.shows("<progress")
    assert '<meta http-equiv="refresh" content="10; url=/auth/archive">' in page
    assert has_only_own_scripts(page)
    assert f"{PAGE}/request" not in page
    assert (await browser.ask("GET", "/file")).status == 404
    again = await browser.ask("POST", "/request")
    assert again.status == 303


async def test_the_cookie_is_valid_for_this_page_only(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    browser = Browser(deployment)
    await browser.log_in()
    cookie = browser.cookie
    assert cookie is not None
    assert (cookie["path"], cookie["max-age"], cookie["httponly"]) == (PAGE, "", True)
    assert (cookie["samesite"], cookie["secure"], cookie["domain"]) == ("strict", "", "")
    for path in ("accounts/verify_credentials", "export", "notifications", "timelines/home"):
        answer = await deployment.ask("GET", f"/api/v1/{path}", cookie.value)
        assert answer.status == 403, path
    assert (await deployment.ask("POST", "/api/v1/export", cookie.value)).status == 403
    gone = {"password": PASSWORD}
    left = await deployment.ask("POST", "/api/v1/accounts/delete", cookie.value, json=gone)
    assert left.status == 403


async def test_the_cookie_is_secure_over_tls() -> None:
    async with deploy(microgram_public_url="https://example.org") as deployment:
        await deployment.register("ada")
        browser = Browser(deployment)
        await browser.log_in()
        assert browser.cookie is not None
        assert browser.cookie["secure"] is True


async def test_a_wrong_password_is_rejected(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    browser = Browser(deployment)
    for form in ({}, {"login": "<i>ada"}, FORM | {"password": "wrong"}):
        answer = await browser.ask("POST", form=form)
        assert (answer.status, "do not match" in answer.text) == (422, True)
        assert "<i>" not in answer.text
    assert browser.cookie is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["", "/request", "/leave"])
async def test_forms_from_other_sites_are_rejected(
    deployment: GatewayDeployment, path: str, site: str
) -> None:
    await deployment.register("ada")
    browser = Browser(deployment)
    await browser.log_in()
    before = browser.cookie
    headers = {"sec-fetch-site": site}
    assert (await browser.ask("POST", path, form=FORM, headers=headers)).status == 403
    assert browser.cookie is before
    assert "Request my archive" in (await browser.ask("GET")).text
    own = {"sec-fetch-site": "same-origin"}
    assert (await browser.ask("POST", path, form=FORM, headers=own)).status == 303


@pytest.mark.parametrize(
    "token", ["", "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "of an app", "narrow"]
)
async def test_without_a_session_only_the_form_is_shown(
    deployment: GatewayDeployment, token: str
) -> None:
    await deployment.register("ada")
    if token == "of an app":
        token = await deployment.app_token(await deployment.app("read:statuses"))
    if token == "narrow":
        token = await deployment.log_in("ada", "read:statuses read:accounts write")
    headers = {"cookie": f"archive={token}", "sec-fetch-site": "same-origin"}
    page = await deployment.ask("GET", PAGE, headers=headers)
    assert (page.status, 'type="password"' in page.text) == (200, True)
    for method, path in (("POST", "/request"), ("GET", "/file")):
        answer = await deployment.ask(method, PAGE + path, headers=headers)
        assert (answer.status, answer.headers["location"]) == (303, PAGE)
    media = next(one for one in deployment.cluster.running if one.name == "media")
    assert not media.sidecar.state.keys("export:")


async def test_users_get_their_own_archive(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), Browser(deployment)
    await deployment.register("bob")
    await bob.log_in("bob")
    mine = Browser(deployment)
    await mine.log_in()
    await mine.ask("POST", "/request")
    await mine.shows("Download")
    page = await bob.ask("GET")
    assert ("@bob" in page.text, "Download" in page.text) == (True, False)
    assert (await bob.ask("GET", "/file")).status == 404
    assert (await ada.get("export"))["state"] == "ready"


async def test_limits_are_shared_with_the_api(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    browser = Browser(deployment)
    await browser.log_in()
    await browser.ask("POST", "/request")
    await browser.shows("Download")
    refused = await browser.ask("POST", "/request")
    assert (refused.status, "already requested an archive" in refused.text) == (429, True)
    assert "Download" in refused.text
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(call: Any) -> None:
        if call.name == "invoke" and any("parts" in word for word in call.about):
            reached.set()
            await goes_on.wait()

    deployment.gateway.sidecar.faults.before.append(wait)
    first = asyncio.ensure_future(ada.ask("GET", "/api/v1/export/archive"))
    await reached.wait()
    second = await browser.ask("GET", "/file")
    assert (second.status, second.headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert "Another download is running" in second.text
    goes_on.set()
    assert (await first).status == 200
    assert (await browser.ask("GET", "/file")).status == 200


async def test_an_expired_or_failed_archive_can_be_requested_again(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployment.register("ada")
    browser = Browser(deployment)
    await browser.log_in()
    await browser.ask("POST", "/request")
    await browser.shows("Download")
    monkeypatch.setattr(domain, "ARCHIVE_TTL", 0)
    await browser.shows("has expired")
    monkeypatch.setattr(domain, "REQUEST_INTERVAL", 0)
    monkeypatch.setattr(domain, "RETRY_TIMEOUT", -1)
    media = next(one for one in deployment.cluster.running if one.name == "media")
    media.sidecar.faults.fail("invoke", about="auth/belongings", error=Unavailable("no"), times=3)
    await browser.ask("POST", "/request")
    assert "Request a new one" in await browser.shows("could not be created")


async def test_logging_out_revokes_the_session(
    deployment: GatewayDeployment,
) -> None:
    await deployment.register("ada")
    browser, copy = Browser(deployment), Browser(deployment)
    await browser.log_in()
    copy.cookie = browser.cookie
    assert "@ada" in (await copy.ask("GET")).text
    out = await browser.ask("POST", "/leave")
    assert (out.status, browser.cookie and browser.cookie["max-age"]) == (303, "0")
    await eventually(lambda: _is_out(copy))


async def test_deleting_the_account_ends_the_session(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    browser = Browser(deployment)
    await browser.log_in()
    await leave(ada)
    await eventually(lambda: _is_out(browser))


async def _is_out(browser: Browser) -> bool:
    await browser.deployment.gateway.service.token_verifier._read_revocations()
    return 'type="password"' in (await browser.ask("GET")).text


async def test_login_attempts_count_against_the_login_limit() -> None:
    async with deploy(microgram_limit_logins=2) as deployment:
        wrong = FORM | {"password": "wrong"}
        tried = [(await deployment.ask("POST", PAGE, form=wrong)).status for _ in range(3)]
        assert tried == [422, 422, 429]
        assert (await deployment.ask("POST", "/oauth/authorize", form=wrong)).status == 429
        assert (await deployment.ask("GET", PAGE)).status == 200


async def test_password_guesses_are_throttled(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    wrong = FORM | {"password": "wrong"}
    tried = [await deployment.ask("POST", PAGE, form=wrong) for _ in range(12)]
    assert (tried[0].status, tried[-1].status) == (422, 429)
    assert "Too many failed logins" in tried[-1].text
    assert tried[-1].headers["retry-after"] == "1"


async def test_the_deletion_page_links_to_the_archive(deployment: GatewayDeployment) -> None:
    assert f'href="{PAGE}"' in (await deployment.ask("GET", "/auth/delete")).text
