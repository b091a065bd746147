from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from services.auth.domain.login_throttle import MAX_DELAY, MAX_FREE_ATTEMPTS
from services.chassis.errors import Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from tests.services.auth.harness import Auth, cheap, proof
from tests.services.openapi import has_example


async def test_the_secret_of_an_app_is_returned_once_and_not_stored(auth: Auth) -> None:
    app = await auth.app()
    assert len(app["client_secret"]) >= 43
    known = await auth.running.call("GET", f"/apps/{app['client_id']}")
    assert known.json() == {**app, "client_secret": ""}
    kept = auth.cluster.state("auth").peek(f"app:{app['client_id']}")
    assert app["client_secret"] not in str(kept)
    for unknown in ("x" * 43, "a||b", "short", "x" * 101):
        assert (await auth.running.call("GET", f"/apps/{unknown}")).status in (404, 422)


async def test_an_invalid_app_is_rejected_field_by_field(auth: Auth) -> None:
    made = await auth.ask(
        "/apps", client_name="x", redirect_uris=["javascript:x"], scopes="read sudo"
    )
    assert made.status == 422
    assert made.json()["details"].keys() == {"redirect_uris", "scopes"}
    assert not auth.cluster.state("auth").keys("app:")


async def test_a_user_authorizes_an_app_and_the_app_gets_a_token(auth: Auth) -> None:
    user_id = (await auth.register("Ada")).json()["user_id"]
    app = await auth.app()
    code = (await auth.authorize(app, "ADA", scope="read write:media")).json()["code"]
    token = (await auth.redeem(app, code)).json()
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "read write:media"
    assert token["created_at"] == int(auth.clock().timestamp())
    caller = await TokenVerifier(auth.cluster.sidecar("posts")).verify(token["access_token"])
    assert (caller.user_id, caller.username) == (user_id, "Ada")
    assert caller.scopes == {"read", "write:media"}
    assert code not in str(auth.cluster.state("auth").keys())
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600


async def test_an_app_gets_a_token_for_itself(auth: Auth) -> None:
    app = await auth.app()
    caller = await TokenVerifier(auth.cluster.sidecar("posts")).verify(
        await auth.app_token(app, "")
    )
    assert caller.user_id == ""
    assert caller.scopes == {"read"}


async def test_a_user_logs_in_by_username_or_email(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    for login in ("ada", "ADA", "@ada", " ada ", "Ada@Example.org"):
        assert (await auth.authorize(app, login)).status == 200


async def test_an_unknown_user_and_a_wrong_password_get_the_same_response(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    wrong = await auth.authorize(app, "ada", password="analytical engines")
    assert (wrong.status, wrong.json()["code"]) == (401, "wrong_login")
    for login in ("bob", "b@c.de", "a||b", "ada/../ada", "", "x" * 320, "-"):
        unknown = await auth.authorize(app, login)
        assert (unknown.status, unknown.json()) == (401, wrong.json())


MAY_NOT_ASK: list[tuple[dict[str, str], int, str]] = [
    ({"client_id": "x" * 43}, 401, "invalid_client"),
    ({"client_id": "a||b"}, 401, "invalid_client"),
    ({"redirect_uri": "https://evil.example/"}, 400, "invalid_request"),
    ({"scope": "read push"}, 400, "invalid_scope"),
    ({"scope": "sudo"}, 400, "invalid_scope"),
    ({"scope": "admin:read"}, 400, "invalid_scope"),
    ({"code_challenge_method": "plain"}, 400, "invalid_request"),
    ({"code_challenge_method": ""}, 400, "invalid_request"),
    ({"code_challenge": "x"}, 400, "invalid_request"),
    ({"password": "x" * 257}, 422, "invalid"),
    ({"password": "\u0000"}, 401, "wrong_login"),
]


async def test_invalid_authorization_requests_are_rejected(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    for changed, status, code in MAY_NOT_ASK:
        refused = await auth.authorize(app, **changed)
        assert (refused.status, refused.json()["code"]) == (status, code), changed
    assert not auth.cluster.state("auth").keys("code:")


GET_NO_TOKEN: list[tuple[dict[str, str], int, str]] = [
    ({"client_secret": "wrong"}, 401, "invalid_client"),
    ({"client_secret": ""}, 401, "invalid_client"),
    ({"client_id": ""}, 401, "invalid_client"),
    ({"code": ""}, 400, "invalid_request"),
    ({"code": "wrong"}, 400, "invalid_grant"),
    ({"redirect_uri": "https://x.org/"}, 400, "invalid_grant"),
    ({"redirect_uri": ""}, 400, "invalid_grant"),
    ({"code_verifier": "x" * 43}, 400, "invalid_grant"),
    ({"code_verifier": ""}, 400, "invalid_grant"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ({"grant_type": ""}, 400, "invalid_request"),
    ({"grant_type": "client_credentials", "scope": "push"}, 400, "invalid_scope"),
]


async def test_a_rejected_token_request_does_not_use_up_the_code(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    good = (await auth.authorize(app)).json()["code"]
    for changed, status, code in GET_NO_TOKEN:
        refused = await auth.redeem(app, good, **changed)
        assert (refused.status, refused.json()["code"]) == (status, code), changed
    assert (await auth.redeem(app, good)).status == 200


async def test_a_code_works_only_for_the_app_that_requested_it(auth: Auth) -> None:
    await auth.register("ada")
    app, other = await auth.app(), await auth.app()
    code = (await auth.authorize(app)).json()["code"]
    assert (await auth.redeem(other, code)).json()["code"] == "invalid_grant"
    assert (await auth.redeem(app, code)).status == 200
    assert (await auth.redeem(other, code)).json()["code"] == "invalid_grant"
    assert await auth.revoked() == []


async def test_a_code_expires_after_ten_minutes(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    code = (await auth.authorize(app)).json()["code"]
    auth.clock.turn(600)
    assert (await auth.redeem(app, code)).json()["code"] == "invalid_grant"


async def test_reuse_of_a_code_revokes_its_token(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    code = (await auth.authorize(app)).json()["code"]
    token = (await auth.redeem(app, code)).json()["access_token"]
    again = await auth.redeem(app, code)
    assert (again.status, again.json()["code"]) == (400, "invalid_grant")
    identity = TokenVerifier(auth.cluster.sidecar("posts"))
    await identity._read_revocations()
    with pytest.raises(Unauthenticated):
        await identity.verify(token)


async def test_concurrent_redemptions_of_a_code_yield_one_token(auth: Auth) -> None:
    await auth.register("ada")
    app, other = await auth.app(), await auth.replica()
    code = (await auth.authorize(app)).json()["code"]
    replicas = [auth, other] * 4
    answers = await asyncio.gather(*(replica.redeem(app, code) for replica in replicas))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    (token_id,) = set(await auth.revoked())
    (token,) = [a.json()["access_token"] for a in answers if a.status == 200]
    assert jwt.decode(token, options={"verify_signature": False})["jti"] == token_id


async def test_only_its_own_app_revokes_a_token(auth: Auth) -> None:
    await auth.register("ada")
    app, other = await auth.app(), await auth.app()
    token = await auth.token(app)
    refused = await revoke(auth, other, token)
    assert (refused.status, refused.json()["code"]) == (403, "unauthorized_client")
    wrong = await revoke(auth, {**app, "client_secret": "wrong"}, token)
    assert (wrong.status, wrong.json()["code"]) == (401, "invalid_client")
    assert await auth.revoked() == []
    done = await revoke(auth, app, token)
    assert (done.status, done.json()) == (200, {})
    assert await auth.revoked() == [jwt.decode(token, options={"verify_signature": False})["jti"]]


async def test_revoking_an_invalid_token_is_no_error(auth: Auth) -> None:
    app = await auth.app()
    for token in ("", "nonsense", "a.b.c", "é"):
        done = await revoke(auth, app, token)
        assert (done.status, done.json()) == (200, {})
    assert await auth.revoked() == []


async def test_a_forged_token_revokes_nothing(auth: Auth) -> None:
    app = await auth.app()
    token = await auth.app_token(app)
    claims = jwt.decode(token, options={"verify_signature": False})
    for forged in (
        jwt.encode(claims, "x" * 32, "HS256", {"kid": "first"}),
        jwt.encode(claims, "", "none", {"kid": "first"}),
        token[:-8] + "AAAAAAAA",
    ):
        assert (await revoke(auth, app, forged)).json() == {}
    assert await auth.revoked() == []


async def test_guesses_by_username_delay_that_username_only_and_for_a_short_time(
    auth: Auth,
) -> None:
    await auth.register("ada")
    app, other = await auth.app(), await auth.replica()
    for i in range(MAX_FREE_ATTEMPTS):
        replica = auth if i % 2 else other
        assert (await replica.authorize(app, "ada", password="guess number")).status == 401
    for replica in (auth, other):
        locked = await replica.authorize(app, "@ADA")
        assert locked.status == 429
        assert 0 < locked.json()["retry_after"] <= MAX_DELAY
    assert (await auth.authorize(app, "ada@example.org")).status == 200
    auth.clock.turn(MAX_DELAY)
    assert (await auth.authorize(app, "ada")).status == 200


async def test_concurrent_guesses_are_all_counted(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    tries = [auth.authorize(app, "ada", password=f"guess {i:06}") for i in range(30)]
    statuses = [answer.status for answer in await asyncio.gather(*tries)]
    assert statuses.count(401) == MAX_FREE_ATTEMPTS
    assert statuses.count(429) == 30 - MAX_FREE_ATTEMPTS


async def test_a_successful_login_resets_the_count(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    for _ in range(3):
        for _ in range(MAX_FREE_ATTEMPTS - 1):
            await auth.authorize(app, "ada", password="guess number")
        assert (await auth.authorize(app, "ada")).status == 200


async def test_a_login_renews_a_hash_with_old_parameters(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    newer = await auth.replica(cheap(time_cost=2))
    app = await auth.app()

    def kept() -> Any:
        return auth.cluster.state("auth").peek(f"person:{user_id}")["data"]

    before = kept()
    assert (await newer.authorize(app, "ada", password="guess number")).status == 401
    assert kept() == before
    assert (await newer.authorize(app, "ada")).status == 200
    assert "t=2" in kept()["password_hash"]
    assert {**kept(), "password_hash": ""} == {**before, "password_hash": ""}
    assert (await newer.authorize(app, "ada")).status == 200


async def test_only_the_gateway_calls_the_routes_of_users_and_apps(auth: Auth) -> None:
    posts = ["/apps", "/authorizations", "/tokens", "/tokens/revoke", "/registrations"]
    for method, target in [("GET", "/apps/x"), *(("POST", target) for target in posts)]:
        assert (await auth.running.call(method, target, caller="posts", json={})).status == 403
        assert (await auth.running.public(method, target, json={})).status == 401


async def test_only_services_read_keys_and_revocations(auth: Auth) -> None:
    for target in ("/jwks", "/revocations?after=0"):
        assert (await auth.running.call("GET", target, caller="posts")).status == 200
        assert (await auth.running.public("GET", target)).status == 401


async def test_every_route_is_described_with_examples(auth: Auth) -> None:
    document = auth.running.app.openapi()
    ours = ["/apps", "/apps/{client_id}", "/apps/{client_id}/grant", "/registrations"]
    ours += ["/deletions", "/authorizations", "/tokens", "/tokens/revoke", "/sessions", "/logins"]
    ours += ["/people", "/people/{user_id}/suspend", "/addresses/{user_id}", "/roles"]
    ours += ["/jwks", "/revocations", "/passwords", "/sessions/{session_id}/revoke"]
    ours += ["/sessions/end", "/sessions/revoke_others"]
    for path in ours:
        for route in document["paths"][path].values():
            assert route["description"]
            good = route["responses"]["200"]["content"]["application/json"]
            assert has_example(document, good), path
            if "requestBody" in route:
                body = route["requestBody"]["content"]["application/json"]
                assert has_example(document, body), path


async def revoke(auth: Auth, app: dict[str, Any], token: str) -> Any:
    body = {**proof(app), "token": token}
    return await auth.running.call("POST", "/tokens/revoke", json=body)
