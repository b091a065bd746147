"""The list of a user's sessions: complete, bounded, and each of them can be ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.auth.domain.sessions import MAX_SESSIONS
from services.auth.domain.tokens import SESSION_TTL
from services.chassis.errors import Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from tests.fakes import Response
from tests.fakes.faults import Call
from tests.services.auth.harness import PASSWORD, Auth
from tests.services.auth.test_accounts import admin_token
from tests.services.auth.test_oauth import revoke as revoke_by_app
from tests.services.auth.test_sessions import claims, session


async def listed(auth: Auth, token: str) -> list[dict[str, Any]]:
    answer = await auth.running.call("GET", "/sessions", token=token)
    assert answer.status == 200, answer.text
    sessions: list[dict[str, Any]] = answer.json()["sessions"]
    return sessions


async def works(auth: Auth, token: str) -> bool:
    try:
        await TokenVerifier(auth.cluster.sidecar("posts")).verify(token)
    except Unauthenticated:
        return False
    return True


def stored_ids(auth: Auth, user_id: str) -> list[str]:
    if not auth.cluster.state("auth").keys(f"sessions:{user_id}"):
        return []
    kept = auth.cluster.state("auth").peek(f"sessions:{user_id}")["data"]
    return [one["token_id"] for one in kept["records"]]


async def revoke(auth: Auth, id: str, token: str) -> Response:
    return await auth.ask(f"/sessions/{id}/revoke", token)


async def die_at(auth: Auth, key: str, *, after: bool, login: str = "ada") -> Auth:
    """Kill the process when it saves a key, while a user logs in. Returns another replica."""
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about=key, after=after)
    pending = asyncio.create_task(session(auth, login, kind="web"))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    return await auth.replica()


async def test_the_list_has_all_that_holds_a_token_of_the_user(auth: Auth) -> None:
    app = await auth.app("read write follow")
    made = await auth.register("ada", await auth.app_token(app), user_agent="toot/0.51")
    code = (await auth.authorize(app, user_agent="Firefox\x00\n on Linux")).json()["code"]
    tokens = [made.json()["token"]["access_token"]]
    tokens.append((await auth.redeem(app, code)).json()["access_token"])
    tokens.append(await session(auth, user_agent="a" * 300))
    tokens.append(await session(auth, kind="web", user_agent="Chromium"))
    await auth.register("eve")
    await session(auth, "eve", kind="web")

    sessions = await listed(auth, tokens[-1])
    assert [one["id"] for one in sessions] == [claims(token)["jti"] for token in reversed(tokens)]
    assert [one["kind"] for one in sessions] == ["web", "archive", "app", "app"]
    names = [one["app_name"] for one in sessions]
    assert names == ["Microgram for the web", "", "toot", "toot"]
    agents = [one["user_agent"] for one in sessions]
    assert agents == ["Chromium", "a" * 200, "Firefox on Linux", "toot/0.51"]
    assert [one["is_current"] for one in sessions] == [True, False, False, False]
    assert all(
        (one["created_at"], one["expires_at"]) == (claims(token)["iat"], claims(token)["exp"])
        for one, token in zip(sessions, reversed(tokens), strict=True)
    )
    assert not any(token in str(sessions) for token in tokens)


async def test_apps_and_other_services_cannot_use_the_list(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app("read write follow")
    code = (await auth.authorize(app, scope="read write follow")).json()["code"]
    theirs = (await auth.redeem(app, code)).json()["access_token"]
    web = await session(auth, kind="web")
    id = claims(web)["jti"]
    form = {"current_password": PASSWORD, "password": "difference engine"}
    routes: list[tuple[str, str, dict[str, str]]] = [
        ("GET", "/sessions", {}),
        ("POST", f"/sessions/{id}/revoke", {}),
        ("POST", "/sessions/revoke_others", {}),
        ("POST", "/passwords", form),
    ]
    for method, target, body in routes:
        for token in (theirs, await session(auth)):
            refused = await auth.running.call(method, target, json=body, token=token)
            assert refused.status == 403, target
        for token in ("", await auth.app_token(app)):
            refused = await auth.running.call(method, target, json=body, token=token)
            assert refused.status == 401, target
        refused = await auth.running.call(method, target, json=body, token=web, caller="media")
        assert refused.status == 403, target
        assert (await auth.running.public(method, target, json=body, token=web)).status == 401
    assert await works(auth, web)


async def test_a_revoked_session_stops_working_and_leaves_the_list(auth: Auth) -> None:
    await auth.register("ada")
    theirs = await auth.token(await auth.app())
    web = await session(auth, kind="web")
    for _ in range(2):  # a repetition is no error
        assert (await revoke(auth, claims(theirs)["jti"], web)).status == 200
    assert (await works(auth, theirs), await works(auth, web)) == (False, True)
    assert [one["id"] for one in await listed(auth, web)] == [claims(web)["jti"]]
    assert len(await auth.revoked()) == 1


async def test_only_the_own_sessions_can_be_revoked(auth: Auth) -> None:
    await auth.register("ada")
    await auth.register("eve")
    hers, other = await session(auth, kind="web"), await session(auth, "eve", kind="web")
    assert (await revoke(auth, claims(hers)["jti"], other)).status == 200
    assert (await revoke(auth, "x" * 65, other)).status == 422
    assert await works(auth, hers)
    assert len(await listed(auth, hers)) == 1


async def test_ended_and_revoked_tokens_leave_the_list(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    web, archive, theirs = (
        await session(auth, kind="web"),
        await session(auth),
        await auth.token(app),
    )
    code = (await auth.authorize(app)).json()["code"]
    assert (await auth.redeem(app, code)).status == 200
    assert len(await listed(auth, web)) == 4
    assert (await auth.redeem(app, code)).json()["code"] == "invalid_grant"  # revokes its token
    assert (await auth.ask("/sessions/end", archive)).status == 200
    assert (await revoke_by_app(auth, app, theirs)).status == 200
    assert [one["kind"] for one in await listed(auth, web)] == ["web"]


async def test_expired_sessions_are_not_listed(auth: Auth) -> None:
    await auth.register("ada")
    archive, web = await session(auth), await session(auth, kind="web")
    auth.clock.turn(SESSION_TTL)
    assert [one["kind"] for one in await listed(auth, web)] == ["web"]
    user_id = claims(web)["sub"]
    assert claims(archive)["jti"] in stored_ids(auth, user_id)
    await session(auth, kind="web")
    assert claims(archive)["jti"] not in stored_ids(auth, user_id)


async def test_the_oldest_session_ends_when_there_are_too_many(auth: Auth) -> None:
    await auth.register("ada")
    tokens = [await session(auth, kind="web") for _ in range(MAX_SESSIONS + 2)]
    sessions = await listed(auth, tokens[-1])
    assert len(sessions) == MAX_SESSIONS
    assert sessions[-1]["id"] == claims(tokens[2])["jti"]
    assert [await works(auth, token) for token in tokens[:3]] == [False, False, True]


async def test_logins_at_once_keep_within_the_bound(auth: Auth) -> None:
    await auth.register("ada")
    other = await auth.replica()
    tokens = [await session(auth, kind="web") for _ in range(MAX_SESSIONS)]
    both = (session(one, kind="web") for one in (auth, other, auth, other))
    tokens += await asyncio.gather(*both)
    stored = stored_ids(auth, claims(tokens[0])["sub"])
    assert len(stored) == MAX_SESSIONS
    working = {claims(token)["jti"] for token in tokens if await works(auth, token)}
    assert working == set(stored)


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_leaves_no_token_that_works_and_is_not_listed(
    auth: Auth, *, after: bool
) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    other = await die_at(auth, f"sessions:{user_id}", after=after)
    assert len(stored_ids(auth, user_id)) == (1 if after else 0)
    web = await session(other, kind="web")
    assert len(await listed(other, web)) == (2 if after else 1)


@pytest.mark.parametrize("key", ["revocations:", "sessions:"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_at_the_bound_leaves_no_unlisted_token(
    auth: Auth, key: str, *, after: bool
) -> None:
    await auth.register("ada")
    tokens = [await session(auth, kind="web") for _ in range(MAX_SESSIONS)]
    other = await die_at(auth, key, after=after)
    stored = stored_ids(auth, claims(tokens[0])["sub"])
    assert len(stored) == MAX_SESSIONS
    for token in tokens:
        assert claims(token)["jti"] in stored or not await works(other, token)
    tokens.append(await session(other, kind="web"))
    stored = stored_ids(auth, claims(tokens[0])["sub"])
    assert {claims(one)["jti"] for one in tokens if await works(other, one)} <= set(stored)
    assert len(stored) == MAX_SESSIONS


async def test_a_crash_while_a_session_is_revoked_leaves_it_listed(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    theirs, web = await auth.token(await auth.app()), await session(auth, kind="web")
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about=f"sessions:{user_id}")
    pending = asyncio.create_task(revoke(auth, claims(theirs)["jti"], web))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    other = await auth.replica()
    assert not await works(other, theirs)
    assert len(await listed(other, web)) == 2
    assert (await revoke(other, claims(theirs)["jti"], web)).status == 200
    assert len(await listed(other, web)) == 1


async def test_all_others_end_and_the_caller_gets_a_new_session(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    pending_code = (await auth.authorize(app)).json()["code"]
    theirs = await auth.token(app)
    web = await session(auth, kind="web", user_agent="Chromium")
    answer = await auth.ask("/sessions/revoke_others", web)
    assert answer.status == 200, answer.text
    new = answer.json()["token"]
    assert answer.json()["expires_at"] == claims(new)["exp"]
    assert [await works(auth, token) for token in (theirs, web, new)] == [False, False, True]
    (only,) = await listed(auth, new)
    assert (only["id"], only["user_agent"]) == (claims(new)["jti"], "Chromium")
    assert only["is_current"]
    late = await auth.redeem(app, pending_code)
    assert (late.status, late.json()["code"]) == (400, "invalid_grant")
    assert await works(auth, await auth.token(app))  # a login after it


async def test_two_requests_to_end_all_others_leave_one_session_at_most(auth: Auth) -> None:
    await auth.register("ada")
    web = [await session(auth, kind="web") for _ in range(2)]
    both = await asyncio.gather(*(auth.ask("/sessions/revoke_others", one) for one in web))
    new = [one.json()["token"] for one in both if one.status == 200]
    assert {one.status for one in both} <= {200, 401, 429}
    working = [token for token in new if await works(auth, token)]
    assert len(working) <= 1
    assert not any([await works(auth, token) for token in web])


async def test_a_session_revoked_a_moment_ago_gets_no_new_one(auth: Auth) -> None:
    """Its token is still accepted until all processes know of the revocation."""
    await auth.register("ada")
    stolen, web = await session(auth, kind="web"), await session(auth, kind="web")
    assert (await revoke(auth, claims(stolen)["jti"], web)).status == 200
    form = {"current_password": PASSWORD, "password": "difference engine"}
    assert (await auth.ask("/sessions/revoke_others", stolen)).status == 401
    assert (await auth.ask("/passwords", stolen, **form)).status == 401
    assert await works(auth, web)


async def test_ending_all_sessions_in_a_row_never_issues_a_token_of_the_far_future(
    auth: Auth,
) -> None:
    await auth.register("ada")
    token = await session(auth, kind="web")
    seen = [token]
    for _ in range(5):
        answer = await auth.ask("/sessions/revoke_others", token)
        if answer.status == 429:
            assert answer.json()["retry_after"] == 1
            continue
        token = answer.json()["token"]
        seen.append(token)
    assert 1 < len(seen) < 6
    assert claims(token)["iat"] <= auth.clock().timestamp() + 2
    assert [await works(auth, one) for one in seen] == [False] * (len(seen) - 1) + [True]


async def test_a_login_that_a_revocation_overtakes_gets_no_token(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    other, judge = await auth.replica(), await admin_token(auth)

    async def suspend(call: Call) -> None:
        if call.about == (f"sessions:{user_id}",) and call.name == "compare_and_set":
            auth.running.sidecar.state.faults.before.remove(suspend)
            for action in ("suspend", "unsuspend"):
                await other.ask(f"/people/{user_id}/{action}", judge)
            auth.clock.turn(5)

    auth.running.sidecar.state.faults.before.append(suspend)
    late = await auth.ask("/sessions", login="ada", password=PASSWORD, kind="web")
    assert (late.status, late.json()["code"]) == (401, "wrong_login")
    assert stored_ids(auth, user_id) == []


async def test_a_suspended_user_has_no_valid_sessions(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    before = await session(auth, kind="web")
    for action in ("suspend", "unsuspend"):
        await auth.ask(f"/people/{user_id}/{action}", await admin_token(auth))
    after = await session(auth, kind="web")
    assert [one["id"] for one in await listed(auth, after)] == [claims(after)["jti"]]
    assert claims(before)["jti"] not in stored_ids(auth, user_id)


async def test_the_list_is_deleted_with_the_account(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    await session(auth, kind="web", user_agent="Chromium")
    assert (await auth.ask("/deletions", login="ada", password=PASSWORD)).status == 200
    await auth.cluster.settle()
    assert auth.cluster.state("auth").keys("sessions:") == []
    gone = await auth.running.call("GET", f"/belongings/{user_id}/sessions", caller="media")
    assert gone.json()["records"] == []


async def test_a_login_that_a_deletion_overtakes_leaves_no_list(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    other = await auth.replica()

    async def delete(call: Call) -> None:
        if call.about == (f"sessions:{user_id}",) and call.name == "compare_and_set":
            auth.running.sidecar.state.faults.before.remove(delete)
            await other.ask("/deletions", login="ada", password=PASSWORD)
            await auth.cluster.settle()

    auth.running.sidecar.state.faults.before.append(delete)
    late = await auth.ask("/sessions", login="ada", password=PASSWORD, kind="web")
    assert late.status == 401
    assert auth.cluster.state("auth").keys("sessions:") == []


async def test_the_export_lists_sessions_without_ids(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    token = await session(auth, kind="web", user_agent="Chromium")
    page = await auth.running.call("GET", f"/belongings/{user_id}/sessions", caller="media")
    (record,) = page.json()["records"]
    assert (record["kind"], record["user_agent"]) == ("web", "Chromium")
    assert record["created_at"].endswith("Z")
    assert claims(token)["jti"] not in page.text


async def test_the_list_costs_three_state_calls(auth: Auth) -> None:
    await auth.register("ada")
    await auth.token(await auth.app())
    web = await session(auth, kind="web")
    calls = auth.running.sidecar.state.faults.calls
    calls.clear()
    await listed(auth, web)
    assert len([call for call in calls if not call.about[0].startswith("revocation")]) == 3
