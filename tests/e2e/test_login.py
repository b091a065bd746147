"""Login by authorization code, and refused token requests."""

from __future__ import annotations

import base64
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.token_requests import request_token
from tests.system import ClientApplication, LoggedInUser, System, WebBrowser
from tests.system.checked_session import CheckedSession
from tests.system.users import OOB


def code_for(app: ClientApplication, person: LoggedInUser, **more: str) -> str:
    with WebBrowser(app.base) as browser:
        return browser.log_in(app.authorize_url(**more), person.email, person.password)


def test_login_works_by_user_name_too(system: System, anna: LoggedInUser) -> None:
    with WebBrowser(system.base) as browser:
        code = browser.log_in(system.app.authorize_url(), anna.name, anna.password)
    client = system.app.client()
    client.log_in(code=code, redirect_uri=OOB)
    assert client.me().username == anna.name


def test_a_code_is_carried_back_with_the_state_to_an_application_with_an_address(
    system: System, session: CheckedSession, anna: LoggedInUser
) -> None:
    there = "https://app.example.org/back"
    made = session.post(
        f"{system.base}/api/v1/apps",
        json={"client_name": "web", "redirect_uris": there, "scopes": "read"},
        timeout=60,
    ).json()
    app = ClientApplication(system.base, made["client_id"], made["client_secret"], ("read",))
    url = app.authorize_url(redirect_uri=there, state="x y&z")
    with WebBrowser(system.base) as browser:
        page = browser.try_log_in(url, anna.email, anna.password)
    assert page.redirect.startswith(f"{there}?")
    assert "state=x+y%26z" in page.redirect or "state=x%20y%26z" in page.redirect


def test_pkce_asks_for_the_verifier_that_belongs_to_the_challenge(
    system: System, session: CheckedSession, anna: LoggedInUser
) -> None:
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    for wrong in ({}, {"code_verifier": "x" * 43}):
        code = code_for(system.app, anna, **asked)
        refused = request_token(system, session, system.app.token_request(code, **wrong))
        assert refused.status_code == 400
        assert refused.json()["error"] == "invalid_grant"
    code = code_for(system.app, anna, **asked)
    given = request_token(system, session, system.app.token_request(code, code_verifier=verifier))
    assert given.ok, given.text
    assert system.app.client(given.json()["access_token"]).me().username == anna.name


def test_a_code_works_once(system: System, session: CheckedSession, anna: LoggedInUser) -> None:
    body = system.app.token_request(code_for(system.app, anna))
    assert request_token(system, session, body).ok
    again = request_token(system, session, body)
    assert again.status_code == 400
    assert again.json()["error"] == "invalid_grant"


def test_a_code_that_many_try_at_once_works_once(system: System, anna: LoggedInUser) -> None:
    body = system.app.token_request(code_for(system.app, anna))

    def attempt(_: int) -> int:
        return request_token(system, CheckedSession(), body).status_code

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(attempt, range(6)))
    assert codes == [200, 400, 400, 400, 400, 400]


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"code": "made-up"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"redirect_uri": "https://evil.example.org/"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
    ids=["code", "secret", "client", "redirect", "password-grant"],
)
def test_a_token_is_refused_where_one_part_is_wrong(
    system: System,
    session: CheckedSession,
    anna: LoggedInUser,
    change: dict[str, str],
    status: int,
    error: str,
) -> None:
    body = system.app.token_request(code_for(system.app, anna)) | change
    refused = request_token(system, session, body)
    assert (refused.status_code, refused.json()["error"]) == (status, error)


def test_another_applications_code_is_refused(
    system: System, session: CheckedSession, anna: LoggedInUser
) -> None:
    other = ClientApplication.register(system.base, "other")
    refused = request_token(system, session, other.token_request(code_for(system.app, anna)))
    assert refused.status_code == 400


@pytest.mark.parametrize("password", ["wrong horse", "", "x" * 10_000])
def test_a_wrong_password_gives_the_form_again_and_no_code(
    system: System, anna: LoggedInUser, password: str
) -> None:
    with WebBrowser(system.base) as browser:
        page = browser.try_log_in(system.app.authorize_url(), anna.email, password)
    assert not page.codes
    assert not page.redirect
    assert 400 <= page.status < 500


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example.org/"},
        {"response_type": "token"},
    ],
    ids=["client", "redirect", "response-type"],
)
def test_a_login_page_is_refused_where_the_application_asks_for_what_is_not_its_own(
    system: System, change: dict[str, str]
) -> None:
    with WebBrowser(system.base) as browser:
        page = browser.open(system.app.authorize_url(**change))
    assert "evil" not in page.redirect
    assert 400 <= page.status < 500 or "error=" in page.redirect


def test_nobody_logs_in_for_more_than_the_application_may_do(
    system: System, anna: LoggedInUser
) -> None:
    modest = ClientApplication.register(system.base, "modest", ["read"])
    with WebBrowser(system.base) as browser:
        url = modest.authorize_url(scope="read write")
        page = browser.try_log_in(url, anna.email, anna.password)
    assert not page.codes
    assert 400 <= page.status < 500
