"""Roles and suspensions: the scopes that they grant and the tokens that they revoke."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from services.chassis.errors import Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from tests.fakes import Response
from tests.services.auth.harness import PASSWORD, Auth

SCOPES = "read write admin:read admin:write"


async def give_role(auth: Auth, name: str, role: str) -> Response:
    body = {"username": name, "role": role}
    return await auth.running.operate("POST", "/roles", json=body)


async def scopes(auth: Auth, app: dict[str, Any], login: str) -> set[str]:
    code = (await auth.authorize(app, login, scope=SCOPES)).json()["code"]
    return set((await auth.redeem(app, code)).json()["scope"].split())


async def admin_token(auth: Auth) -> str:
    """Register an admin, and return an access token."""
    await auth.register("judge")
    assert (await give_role(auth, "@Judge", "admin")).status == 200
    app = await auth.app(SCOPES)
    code = (await auth.authorize(app, "judge", scope=SCOPES)).json()["code"]
    token: str = (await auth.redeem(app, code)).json()["access_token"]
    return token


async def register_user(auth: Auth, name: str) -> str:
    return str((await auth.register(name)).json()["user_id"])


async def test_only_admins_get_admin_scopes(auth: Auth) -> None:
    await register_user(auth, "ada")
    app = await auth.app(SCOPES)
    assert await scopes(auth, app, "ada") == {"read", "write"}
    assert (await give_role(auth, "ada", "admin")).json()["role"] == "admin"
    assert await scopes(auth, app, "ada") == set(SCOPES.split())
    await give_role(auth, "ada", "")
    assert await scopes(auth, app, "ada") == {"read", "write"}
    only = await auth.app("admin:read")
    refused = await auth.authorize(only, "ada", scope="admin:read")
    assert (refused.status, refused.json()["code"]) == (400, "invalid_scope")
    token = await auth.app_token(app, SCOPES)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["scope"] == "read write"


async def test_roles_are_set_through_the_own_sidecar_only(auth: Auth) -> None:
    token = await admin_token(auth)
    await register_user(auth, "ada")
    for caller in ("gateway", "users", ""):
        body = {"username": "ada", "role": "admin"}
        refused = await auth.running.call("POST", "/roles", json=body, caller=caller, token=token)
        assert refused.status in (401, 403), caller
    assert (await give_role(auth, "nobody", "admin")).status == 404
    assert (await give_role(auth, "ada", "owner")).status == 422


async def test_removing_a_role_revokes_all_tokens(auth: Auth) -> None:
    token = await admin_token(auth)
    identity = TokenVerifier(auth.cluster.sidecar("posts"))
    assert (await identity.verify(token)).may("admin:write:reports")
    await give_role(auth, "judge", "")
    await identity._read_revocations()
    with pytest.raises(Unauthenticated):
        await identity.verify(token)


async def test_a_suspended_user_has_no_access_until_unsuspended(auth: Auth) -> None:
    token, app = await admin_token(auth), await auth.app()
    ada = await register_user(auth, "ada")
    before = await auth.token(app)
    code = (await auth.authorize(app)).json()["code"]
    for _ in range(2):  # the second call changes nothing
        done = await auth.ask(f"/people/{ada}/suspend", token)
        assert (done.status, done.json()["suspended"]) == (200, True)
    wrong = await auth.authorize(app, password="not hers at all")
    assert wrong.json()["code"] == "wrong_login"  # only the user learns of the suspension
    refused = await auth.authorize(app)
    assert (refused.status, refused.json()["code"]) == (403, "suspended")
    assert (await auth.redeem(app, code)).json()["code"] == "invalid_grant"
    identity = TokenVerifier(auth.cluster.sidecar("posts"))
    with pytest.raises(Unauthenticated):
        await identity.verify(before)
    assert (await auth.ask(f"/people/{ada}/unsuspend", token)).json()["suspended"] is False
    after = await auth.token(app)
    await identity._read_revocations()
    assert (await identity.verify(after)).user_id == ada
    with pytest.raises(Unauthenticated):
        await identity.verify(before)


async def test_tokens_are_revoked_even_after_a_crash_right_after_the_commit(auth: Auth) -> None:
    token, app = await admin_token(auth), await auth.app()
    ada = await register_user(auth, "ada")
    before = await auth.token(app)
    await auth.cluster.settle()
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about=f"person:{ada}", after=True)
    pending = asyncio.create_task(auth.ask(f"/people/{ada}/suspend", token))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica()
    for outbox in other.running.service.outboxes.values():
        await outbox.recover()
    await auth.cluster.settle()
    identity = TokenVerifier(auth.cluster.sidecar("posts"))
    with pytest.raises(Unauthenticated):
        await identity.verify(before)


async def test_admins_cannot_be_suspended_and_only_admins_suspend(auth: Auth) -> None:
    token, app = await admin_token(auth), await auth.app()
    ada = await register_user(auth, "ada")
    hers = await auth.token(app)
    assert (await auth.ask(f"/people/{ada}/suspend", hers)).status == 403
    assert (await auth.running.call("GET", f"/people?ids={ada}", token=hers)).status == 403
    assert (await auth.ask("/people/99/suspend", token)).status == 404
    me = jwt.decode(token, options={"verify_signature": False})["sub"]
    assert (await auth.ask(f"/people/{me}/suspend", token)).status == 403
    details = await auth.running.call("GET", f"/people?ids={ada},99,", token=token)
    assert details.json().keys() == {ada}
    assert details.json()[ada]["email"] == "ada@example.org"
    assert "password_hash" not in details.json()[ada]


async def test_only_the_users_service_reads_known_logins(auth: Auth) -> None:
    token = await admin_token(auth)
    ada, eve = [await register_user(auth, name) for name in ("ada", "eve")]
    await auth.ask(f"/people/{ada}/suspend", token)
    deletion = {"login": "eve", "password": PASSWORD}
    assert (await auth.ask("/deletions", **deletion)).status == 200
    target = f"/logins?ids={ada},{eve},1"
    known = (await auth.running.call("GET", target, caller="users")).json()
    assert known.keys() == {ada, eve}
    assert (known[ada]["suspended"], known[ada]["deleted"]) == (True, False)
    assert (known[ada]["username"], known[ada]["version"]) == ("ada", 2)
    assert known[eve]["deleted"]
    assert "email" not in known[ada]
    target = "/logins?names=Ada,eve,nobody,,"
    named = (await auth.running.call("GET", target, caller="users")).json()
    assert named == {ada: known[ada]}
    assert (await auth.running.call("GET", target)).status == 403
