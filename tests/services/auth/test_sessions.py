"""Sessions on the pages of the gateway: of the web app, and of the page of archives."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import jwt
import pytest

from services.auth.domain.clients import web_app
from services.auth.domain.tokens import WEB_SESSION_TTL
from services.auth.repository import Repository
from services.chassis.errors import Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from services.contracts.logins import WEB_CLIENT_ID
from services.contracts.scopes import SCOPES
from tests.services.auth.harness import OOB, PASSWORD, Auth
from tests.services.auth.test_accounts import admin_token


async def session(auth: Auth, login: str = "ada", **form: str) -> str:
    answer = await auth.ask("/sessions", login=login, password=PASSWORD, **form)
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


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


async def test_a_web_session_is_a_token_of_the_web_app_with_all_scopes_of_the_user(
    auth: Auth,
) -> None:
    await auth.register("ada")
    answer = await auth.ask("/sessions", login="ada", password=PASSWORD, kind="web")
    token = answer.json()["token"]
    found = claims(token)
    assert (found["client_id"], found["username"]) == (WEB_CLIENT_ID, "ada")
    assert found["exp"] - found["iat"] == WEB_SESSION_TTL
    assert found["exp"] == answer.json()["expires_at"]
    caller = await TokenVerifier(auth.cluster.sidecar("posts")).verify(token)
    scopes = {scope for scope in SCOPES if scope != "profile"} | {"push", "read:exports"}
    assert {scope for scope in scopes if not caller.may(scope)} == {
        scope for scope in scopes if scope.startswith("admin:")
    }


async def test_the_web_session_of_an_admin_covers_the_admin_scopes(auth: Auth) -> None:
    await admin_token(auth)
    token = await session(auth, "judge", kind="web")
    caller = await TokenVerifier(auth.cluster.sidecar("posts")).verify(token)
    assert all(caller.may(scope) for scope in SCOPES if scope.startswith("admin:"))


async def test_the_web_app_is_registered_once_and_nobody_has_its_secret(auth: Auth) -> None:
    await auth.register("ada")
    other = await auth.replica()
    at_once = (session(one, kind="web") for one in (auth, other, auth))
    assert len(set(await asyncio.gather(*at_once))) == 3
    assert auth.cluster.state("auth").keys("app:") == [f"app:{WEB_CLIENT_ID}"]
    made = await auth.running.call("GET", f"/apps/{WEB_CLIENT_ID}")
    assert (made.json()["name"], made.json()["client_secret"]) == ("Microgram for the web", "")
    kept = auth.cluster.state("auth").peek(f"app:{WEB_CLIENT_ID}")["data"]
    for secret in ("", kept["secret_sha256"], "x"):
        form = {"grant_type": "client_credentials", "client_id": WEB_CLIENT_ID, "scope": "read"}
        refused = await auth.ask("/tokens", **form, client_secret=secret)
        assert (refused.status, refused.json()["code"]) == (401, "invalid_client")
    for uri in ("", OOB, "https://evil.example/"):
        refused = await auth.authorize({"client_id": WEB_CLIENT_ID}, redirect_uri=uri)
        assert (refused.status, refused.json()["code"]) == (400, "invalid_request")


async def test_a_later_version_changes_the_web_app_and_keeps_its_id(auth: Auth) -> None:
    await auth.register("ada")
    repository = Repository(auth.running.service)
    old = replace(web_app("7", "2026-01-01T00:00:00.000Z"), scopes="read")
    await repository.clients.update(WEB_CLIENT_ID, lambda _: old)
    await session(auth, kind="web")
    assert await repository.clients.get(WEB_CLIENT_ID) == web_app("7", old.created_at)


async def test_an_ended_web_session_is_revoked(auth: Auth) -> None:
    await auth.register("ada")
    token = await session(auth, kind="web")
    assert (await auth.ask("/sessions/end", token)).status == 200
    assert await auth.revoked() == [claims(token)["jti"]]


async def test_a_user_agent_of_any_length_is_no_error(auth: Auth) -> None:
    await auth.register("ada")
    await session(auth, kind="web", user_agent="x" * 5_000)


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
