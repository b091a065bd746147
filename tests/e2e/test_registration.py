"""Registration, by API and on the web page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from mastodon import MastodonIllegalArgumentError

from tests.e2e.token_requests import request_token
from tests.system import LoggedInUser, System, WebBrowser
from tests.system.checked_session import CheckedSession
from tests.system.users import OOB, PASSWORD


def test_registration_by_api_gives_a_token_that_works(system: System) -> None:
    name = system.unique_name("registered")
    client = system.app.client()
    client.create_account(name, PASSWORD, f"{name}@example.org", agreement=True)
    assert client.me().username == name


def test_registration_on_the_web_page_gives_an_account_to_log_in_with(system: System) -> None:
    name = system.unique_name("visitor")
    with WebBrowser(system.base) as browser:
        page = browser.open("/auth/sign_up")
        form = next(form for form in page.forms if form.asks_for("password"))
        filled = {name_: "1" for name_, kind in form.types.items() if kind == "checkbox"}
        filled |= {name_: PASSWORD for name_, kind in form.types.items() if kind == "password"}
        filled[form.asks_for("email") or "email"] = f"{name}@example.org"
        filled[form.asks_for("text") or "username"] = name
        done = browser.submit(page, form, filled)
        assert done.status == 200, done.text
    with WebBrowser(system.base) as browser:
        code = browser.log_in(system.app.authorize_url(), f"{name}@example.org", PASSWORD)
    client = system.app.client()
    client.log_in(code=code, redirect_uri=OOB)
    assert client.me().username == name


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
    name = system.unique_name("wrong")
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    own = {"grant_type": "client_credentials", "scope": "read write"}
    token = request_token(system, session, system.app.token_request("") | own).json()[
        "access_token"
    ]
    refused = session.post(
        f"{system.base}/api/v1/accounts",
        json={**body, "agreement": True, "locale": "en"} | change,
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert refused.status_code == 422
    assert system.get(f"/api/v1/accounts/lookup?acct={name}").status_code == 404


def test_a_name_belongs_to_one_person_however_it_is_written(
    system: System, anna: LoggedInUser
) -> None:
    for name in (anna.name, anna.name.upper()):
        new_client = system.app.client()
        with pytest.raises(MastodonIllegalArgumentError, match="taken"):
            new_client.create_account(name, PASSWORD, f"other.{name}@example.org", agreement=True)


def test_a_name_that_many_want_at_once_goes_to_one(system: System) -> None:
    name = system.unique_name("wanted")

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
