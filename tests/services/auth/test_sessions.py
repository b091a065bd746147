"""Sessions of the page on which people get their archive."""

from __future__ import annotations

import jwt
import pytest

from services.chassis.errors import Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from tests.services.auth.test_accounts import judge
from tests.services.auth.world import PASSWORD, Auth


async def session(auth: Auth, login: str = "ada") -> str:
    answer = await auth.ask("/sessions", login=login, password=PASSWORD)
    assert answer.status == 200, answer.text
    token: str = answer.json()["token"]
    return token


async def test_a_session_is_for_six_hours_and_for_archives_alone(auth: Auth) -> None:
    await auth.register("ada")
    token = await session(auth)
    told = jwt.decode(token, options={"verify_signature": False})
    assert told["exp"] - told["iat"] == 6 * 3600
    assert (told["scope"], told["client_id"], told["username"]) == ("read:exports", "", "ada")
    caller = await TokenVerifier(auth.world.sidecar("media")).verify(token)
    assert caller.may("read:exports")
    assert not any(map(caller.may, ("read", "read:statuses", "write", "write:exports")))


async def test_no_app_gets_what_a_session_has(auth: Auth) -> None:
    await auth.register("ada")
    asked = {"client_name": "x", "redirect_uris": ["https://x.example"]}
    refused = await auth.ask("/apps", "", **asked, scopes="read:exports")
    assert (refused.status, list(refused.json()["details"])) == (422, ["scopes"])
    refused = await auth.authorize(await auth.app("read"), scope="read:exports")
    assert (refused.status, refused.json()["code"]) == (400, "invalid_scope")


async def test_who_does_not_know_the_password_or_may_not_be_here_has_none(auth: Auth) -> None:
    id = (await auth.register("ada")).json()["user_id"]
    wrong = await auth.ask("/sessions", login="ada", password="wrong")
    assert (wrong.status, wrong.json()["code"]) == (401, "wrong_login")
    nobody = await auth.ask("/sessions", login="nobody", password=PASSWORD)
    assert nobody.json() == wrong.json()
    assert (await auth.ask(f"/people/{id}/suspend", await judge(auth))).status == 200
    suspended = await auth.ask("/sessions", login="ada", password=PASSWORD)
    assert (suspended.status, suspended.json()["code"]) == (403, "suspended")


async def test_guesses_are_slowed_down(auth: Auth) -> None:
    await auth.register("ada")
    tried = [(await auth.ask("/sessions", login="ada", password="x")).status for _ in range(30)]
    assert tried[0] == 401
    assert tried[-1] == 429
    assert (await auth.ask("/sessions", login="ada", password=PASSWORD)).status == 429


async def test_a_session_that_was_ended_is_good_no_more(auth: Auth) -> None:
    await auth.register("ada")
    token, other = await session(auth), await session(auth)
    assert (await auth.ask("/sessions/end", token)).status == 200
    identity = TokenVerifier(auth.world.sidecar("media"))
    await identity._follow()
    with pytest.raises(Unauthenticated):
        await identity.verify(token)
    assert (await identity.verify(other)).username == "ada"


async def test_an_apps_token_is_no_session(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app("read write")
    token = await auth.token(app)
    assert (await auth.ask("/sessions/end", token)).status == 200
    assert await auth.revoked() == []
    assert (await auth.ask("/sessions/end")).status == 401


async def test_sessions_are_for_the_gateway_alone(auth: Auth) -> None:
    await auth.register("ada")
    form = {"login": "ada", "password": PASSWORD}
    for caller in ("users", "media", ""):
        refused = await auth.running.call("POST", "/sessions", json=form, caller=caller)
        assert refused.status == 403
