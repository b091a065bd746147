"""Sessions of the page of archives."""

from __future__ import annotations

import jwt
import pytest

from services.chassis.errors import Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from tests.services.auth.harness import PASSWORD, Auth
from tests.services.auth.test_accounts import admin_token


async def session(auth: Auth, login: str = "ada") -> str:
    answer = await auth.ask("/sessions", login=login, password=PASSWORD)
    assert answer.status == 200, answer.text
    token: str = answer.json()["token"]
    return token


async def test_a_session_lasts_six_hours_and_covers_archives_only(auth: Auth) -> None:
    await auth.register("ada")
    token = await session(auth)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 6 * 3600
    assert (claims["scope"], claims["client_id"], claims["username"]) == ("read:exports", "", "ada")
    caller = await TokenVerifier(auth.cluster.sidecar("media")).verify(token)
    assert caller.may("read:exports")
    assert not any(map(caller.may, ("read", "read:statuses", "write", "write:exports")))


async def test_apps_cannot_request_the_scope_of_a_session(auth: Auth) -> None:
    await auth.register("ada")
    asked = {"client_name": "x", "redirect_uris": ["https://x.example"]}
    refused = await auth.ask("/apps", "", **asked, scopes="read:exports")
    assert (refused.status, list(refused.json()["details"])) == (422, ["scopes"])
    refused = await auth.authorize(await auth.app("read"), scope="read:exports")
    assert (refused.status, refused.json()["code"]) == (400, "invalid_scope")


async def test_a_session_needs_the_password_of_an_active_user(auth: Auth) -> None:
    id = (await auth.register("ada")).json()["user_id"]
    wrong = await auth.ask("/sessions", login="ada", password="wrong")
    assert (wrong.status, wrong.json()["code"]) == (401, "wrong_login")
    unknown = await auth.ask("/sessions", login="nobody", password=PASSWORD)
    assert unknown.json() == wrong.json()
    assert (await auth.ask(f"/people/{id}/suspend", await admin_token(auth))).status == 200
    suspended = await auth.ask("/sessions", login="ada", password=PASSWORD)
    assert (suspended.status, suspended.json()["code"]) == (403, "suspended")


async def test_guesses_are_throttled(auth: Auth) -> None:
    await auth.register("ada")
    tried = [(await auth.ask("/sessions", login="ada", password="x")).status for _ in range(30)]
    assert tried[0] == 401
    assert tried[-1] == 429
    assert (await auth.ask("/sessions", login="ada", password=PASSWORD)).status == 429


async def test_an_ended_session_is_revoked(auth: Auth) -> None:
    await auth.register("ada")
    token, other = await session(auth), await session(auth)
    assert (await auth.ask("/sessions/end", token)).status == 200
    identity = TokenVerifier(auth.cluster.sidecar("media"))
    await identity._read_revocations()
    with pytest.raises(Unauthenticated):
        await identity.verify(token)
    assert (await identity.verify(other)).username == "ada"


async def test_the_token_of_an_app_is_no_session(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app("read write")
    token = await auth.token(app)
    assert (await auth.ask("/sessions/end", token)).status == 200
    assert await auth.revoked() == []
    assert (await auth.ask("/sessions/end")).status == 401


async def test_only_the_gateway_begins_sessions(auth: Auth) -> None:
    await auth.register("ada")
    form = {"login": "ada", "password": PASSWORD}
    for caller in ("users", "media", ""):
        refused = await auth.running.call("POST", "/sessions", json=form, caller=caller)
        assert refused.status == 403
