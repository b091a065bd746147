"""Registering, logging in by authorization code, and what a token is good for."""

from __future__ import annotations

import base64
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from mastodon import MastodonIllegalArgumentError, MastodonUnauthorizedError

from tests.system import Application, Browser, Person, System, wait_until
from tests.system.people import OOB, PASSWORD
from tests.system.wire import CheckedSession


@pytest.fixture
def session() -> CheckedSession:
    return CheckedSession()


def trade(system: System, session: CheckedSession, body: dict[str, str]) -> requests.Response:
    return session.post(f"{system.base}/oauth/token", data=body, timeout=30)


def code_for(app: Application, person: Person, **more: str) -> str:
    with Browser(app.base) as browser:
        return browser.log_in(app.authorize_url(**more), person.email, person.password)


def test_registration_by_api_gives_a_token_that_works(system: System) -> None:
    name = system.fresh("newcomer")
    client = system.app.client()
    client.create_account(name, PASSWORD, f"{name}@example.org", agreement=True)
    assert client.me().username == name


def test_registration_on_the_web_page_gives_an_account_to_log_in_with(system: System) -> None:
    name = system.fresh("visitor")
    with Browser(system.base) as browser:
        page = browser.open("/auth/sign_up")
        form = next(form for form in page.forms if form.asks_for("password"))
        filled = {name_: "1" for name_, kind in form.types.items() if kind == "checkbox"}
        filled |= {name_: PASSWORD for name_, kind in form.types.items() if kind == "password"}
        filled[form.asks_for("email") or "email"] = f"{name}@example.org"
        filled[form.asks_for("text") or "username"] = name
        done = browser.submit(page, form, filled)
        assert done.status == 200, done.text
    with Browser(system.base) as browser:
        code = browser.log_in(system.app.authorize_url(), f"{name}@example.org", PASSWORD)
    client = system.app.client()
    client.log_in(code=code, redirect_uri=OOB)
    assert client.me().username == name


def test_login_works_by_user_name_too(system: System, anna: Person) -> None:
    with Browser(system.base) as browser:
        code = browser.log_in(system.app.authorize_url(), anna.name, anna.password)
    client = system.app.client()
    client.log_in(code=code, redirect_uri=OOB)
    assert client.me().username == anna.name


def test_a_code_is_carried_back_with_the_state_to_an_application_with_an_address(
    system: System, session: CheckedSession, anna: Person
) -> None:
    there = "https://app.example.org/back"
    made = session.post(
        f"{system.base}/api/v1/apps",
        json={"client_name": "web", "redirect_uris": there, "scopes": "read"},
        timeout=30,
    ).json()
    app = Application(system.base, made["client_id"], made["client_secret"], ("read",))
    url = app.authorize_url(redirect_uri=there, state="x y&z")
    with Browser(system.base) as browser:
        page = browser.try_log_in(url, anna.email, anna.password)
    assert page.redirect.startswith(f"{there}?")
    assert "state=x+y%26z" in page.redirect or "state=x%20y%26z" in page.redirect


def test_pkce_asks_for_the_verifier_that_belongs_to_the_challenge(
    system: System, session: CheckedSession, anna: Person
) -> None:
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    for wrong in ({}, {"code_verifier": "x" * 43}):
        code = code_for(system.app, anna, **asked)
        refused = trade(system, session, system.app.token_request(code, **wrong))
        assert refused.status_code == 400
        assert refused.json()["error"] == "invalid_grant"
    code = code_for(system.app, anna, **asked)
    given = trade(system, session, system.app.token_request(code, code_verifier=verifier))
    assert given.ok, given.text
    assert system.app.client(given.json()["access_token"]).me().username == anna.name


def test_a_code_works_once(system: System, session: CheckedSession, anna: Person) -> None:
    body = system.app.token_request(code_for(system.app, anna))
    assert trade(system, session, body).ok
    again = trade(system, session, body)
    assert again.status_code == 400
    assert again.json()["error"] == "invalid_grant"


def test_a_code_that_many_try_at_once_works_once(system: System, anna: Person) -> None:
    body = system.app.token_request(code_for(system.app, anna))

    def attempt(_: int) -> int:
        return trade(system, CheckedSession(), body).status_code

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
    anna: Person,
    change: dict[str, str],
    status: int,
    error: str,
) -> None:
    body = system.app.token_request(code_for(system.app, anna)) | change
    refused = trade(system, session, body)
    assert (refused.status_code, refused.json()["error"]) == (status, error)


def test_another_applications_code_is_refused(
    system: System, session: CheckedSession, anna: Person
) -> None:
    other = Application.registered(system.base, "other")
    refused = trade(system, session, other.token_request(code_for(system.app, anna)))
    assert refused.status_code == 400


@pytest.mark.parametrize("password", ["wrong horse", "", "x" * 10_000])
def test_a_wrong_password_gives_the_form_again_and_no_code(
    system: System, anna: Person, password: str
) -> None:
    with Browser(system.base) as browser:
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
    with Browser(system.base) as browser:
        page = browser.open(system.app.authorize_url(**change))
    assert "evil" not in page.redirect
    assert 400 <= page.status < 500 or "error=" in page.redirect


def test_nobody_logs_in_for_more_than_the_application_may_do(system: System, anna: Person) -> None:
    modest = Application.registered(system.base, "modest", ["read"])
    with Browser(system.base) as browser:
        url = modest.authorize_url(scope="read write")
        page = browser.try_log_in(url, anna.email, anna.password)
    assert not page.codes
    assert 400 <= page.status < 500


@pytest.mark.parametrize(
    "change",
    [
        {"username": "no spaces"},
        {"username": "../etc"},
        {"username": "x" * 200},
        {"username": ""},
        {"email": "nowhere"},
        {"email": "x" * 400 + "@example.org"},
        {"password": "short"},
        {"password": "x" * 2_000},
        {"agreement": False},
    ],
    ids=lambda change: "-".join(f"{k}-{str(v)[:8]}" for k, v in change.items()),
)
def test_registration_is_refused_where_one_field_is_wrong(
    system: System, session: CheckedSession, change: dict[str, str | bool]
) -> None:
    name = system.fresh("wrong")
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    own = {"grant_type": "client_credentials", "scope": "read write"}
    token = trade(system, session, system.app.token_request("") | own).json()["access_token"]
    refused = session.post(
        f"{system.base}/api/v1/accounts",
        json={**body, "agreement": True, "locale": "en"} | change,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert refused.status_code == 422
    assert system.get(f"/api/v1/accounts/lookup?acct={name}").status_code == 404


def test_a_name_belongs_to_one_person_however_it_is_written(system: System, anna: Person) -> None:
    for name in (anna.name, anna.name.upper()):
        newcomer = system.app.client()
        with pytest.raises(MastodonIllegalArgumentError, match="taken"):
            newcomer.create_account(name, PASSWORD, f"other.{name}@example.org", agreement=True)


def test_a_name_that_many_want_at_once_goes_to_one(system: System) -> None:
    name = system.fresh("wanted")

    def attempt(number: int) -> bool:
        client = system.app.client()
        email = f"{name}.{number}@example.org"
        try:
            client.create_account(name, PASSWORD, email, agreement=True)
        except MastodonIllegalArgumentError:
            return False
        return bool(client.me().username == name)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "e30.e30.e30"])
def test_a_bad_token_is_refused(system: System, session: CheckedSession, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{system.base}/api/v1/timelines/home"
    assert session.get(url, headers=headers, timeout=30).status_code == 401


def test_a_forged_token_is_refused(
    system: System, session: CheckedSession, anna: Person, ben: Person
) -> None:
    head, _, signature = anna.token.split(".")
    body = ben.token.split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for forged in (f"{head}.{body}.{signature}", f"{none}.{body}."):
        headers = {"Authorization": f"Bearer {forged}"}
        url = f"{system.base}/api/v1/accounts/verify_credentials"
        assert session.get(url, headers=headers, timeout=30).status_code == 401


def test_a_token_does_no_more_than_its_scopes(system: System, anna: Person) -> None:
    reader = Application.registered(system.base, "reader", ["read:accounts"])
    narrow = anna.token_for(reader)
    client = reader.client(narrow)
    assert client.me().username == anna.name
    session = CheckedSession()
    session.headers["Authorization"] = f"Bearer {narrow}"
    for method, path in [
        ("POST", "/api/v1/statuses"),
        ("GET", "/api/v1/timelines/home"),
        ("POST", f"/api/v1/accounts/{anna.id}/follow"),
        ("PATCH", "/api/v1/accounts/update_credentials"),
        ("GET", "/api/v1/bookmarks"),
    ]:
        refused = session.request(method, f"{system.base}{path}", json={"status": "x"}, timeout=30)
        assert refused.status_code == 403, f"{method} {path}"
    assert anna.client.me().statuses_count == 0


def test_an_applications_own_token_acts_for_nobody(system: System, session: CheckedSession) -> None:
    body = system.app.token_request("") | {"grant_type": "client_credentials", "scope": "read"}
    token = trade(system, session, body).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    verified = session.get(f"{system.base}/api/v1/apps/verify_credentials", timeout=30)
    assert verified.json()["name"] == "end to end"
    home = session.get(f"{system.base}/api/v1/timelines/home", timeout=30)
    assert home.status_code in (401, 403, 422)


def test_a_revoked_token_stops_working_everywhere_within_five_seconds(
    system: System, anna: Person, picture: object
) -> None:
    other = system.app.client(anna.token_for(system.app))
    session = CheckedSession()
    session.headers["Authorization"] = f"Bearer {other.access_token}"
    asked = {
        "users": "/api/v1/accounts/verify_credentials",
        "feed": "/api/v1/timelines/home",
        "posts": "/api/v1/favourites",
        "media": "/api/v1/media/1",
    }

    def statuses() -> dict[str, int]:
        return {
            service: session.get(f"{system.base}{path}", timeout=30).status_code
            for service, path in asked.items()
        }

    before = statuses()
    assert before == {"users": 200, "feed": 200, "posts": 200, "media": 404}
    other.revoke_access_token()
    wait_until(lambda: set(statuses().values()) == {401}, 5.0, "refused everywhere")
    assert anna.client.me().username == anna.name  # by her other token
    with pytest.raises(MastodonUnauthorizedError):
        system.app.client(str(session.headers["Authorization"]).split()[1]).me()
