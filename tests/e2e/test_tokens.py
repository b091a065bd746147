"""Scopes and validity of tokens."""

from __future__ import annotations

import base64

import pytest
from mastodon import MastodonUnauthorizedError

from tests.e2e.token_requests import request_token
from tests.system import ClientApplication, LoggedInUser, System, wait_until
from tests.system.checked_session import CheckedSession


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "e30.e30.e30"])
def test_a_bad_token_is_refused(system: System, session: CheckedSession, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{system.base}/api/v1/timelines/home"
    assert session.get(url, headers=headers, timeout=60).status_code == 401


def test_a_forged_token_is_refused(
    system: System, session: CheckedSession, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    head, _, signature = anna.token.split(".")
    body = ben.token.split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for forged in (f"{head}.{body}.{signature}", f"{none}.{body}."):
        headers = {"Authorization": f"Bearer {forged}"}
        url = f"{system.base}/api/v1/accounts/verify_credentials"
        assert session.get(url, headers=headers, timeout=60).status_code == 401


def test_a_token_does_no_more_than_its_scopes(system: System, anna: LoggedInUser) -> None:
    reader = ClientApplication.register(system.base, "reader", ["read:accounts"])
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
        refused = session.request(method, f"{system.base}{path}", json={"status": "x"}, timeout=60)
        assert refused.status_code == 403, f"{method} {path}"
    assert anna.client.me().statuses_count == 0


def test_an_applications_own_token_acts_for_nobody(system: System, session: CheckedSession) -> None:
    body = system.app.token_request("") | {"grant_type": "client_credentials", "scope": "read"}
    token = request_token(system, session, body).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    verified = session.get(f"{system.base}/api/v1/apps/verify_credentials", timeout=60)
    assert verified.json()["name"] == "end to end"
    home = session.get(f"{system.base}/api/v1/timelines/home", timeout=60)
    assert home.status_code in (401, 403, 422)


def test_a_revoked_token_stops_working_everywhere_within_five_seconds(
    system: System, anna: LoggedInUser, picture: object
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
            service: session.get(f"{system.base}{path}", timeout=60).status_code
            for service, path in asked.items()
        }

    before = statuses()
    assert before == {"users": 200, "feed": 200, "posts": 200, "media": 404}
    other.revoke_access_token()
    wait_until(lambda: set(statuses().values()) == {401}, 5.0, "refused everywhere")
    assert anna.client.me().username == anna.name  # by her other token
    with pytest.raises(MastodonUnauthorizedError):
        system.app.client(str(session.headers["Authorization"]).split()[1]).me()
