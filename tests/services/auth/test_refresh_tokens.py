"""Refresh tokens: each works once, a second use ends the login, and so does the user."""

from __future__ import annotations

import asyncio
from typing import Any

from services.auth.domain.refresh_tokens import ACCESS_TTL, REFRESH_TTL
from tests.fakes import Response
from tests.services.auth.harness import PASSWORD, Auth, proof
from tests.services.auth.test_session_list import listed, works
from tests.services.auth.test_sessions import claims, session

SCOPES = "read write offline_access"


async def offline_app(auth: Auth) -> dict[str, Any]:
    return await auth.app(SCOPES)


async def log_in(auth: Auth, app: dict[str, Any]) -> dict[str, Any]:
    """The first tokens of a login of ada."""
    code = (await auth.authorize(app, scope=SCOPES)).json()["code"]
    made: dict[str, Any] = (await auth.redeem(app, code)).json()
    return made


async def refresh(auth: Auth, app: dict[str, Any], tokens: dict[str, Any]) -> Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await auth.ask("/tokens", **form, **proof(app))


async def test_an_app_that_asks_gets_short_tokens_and_the_next_ones(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    first = await log_in(auth, app)
    assert first["expires_in"] == ACCESS_TTL == 7200
    found = claims(first["access_token"])
    assert found["exp"] - found["iat"] == ACCESS_TTL
    answer = await refresh(auth, app, first)
    assert answer.status == 200, answer.text
    second = answer.json()
    assert second["scope"] == first["scope"] == SCOPES
    assert second["refresh_token"] != first["refresh_token"]
    assert [await works(auth, one["access_token"]) for one in (first, second)] == [False, True]
    assert (await refresh(auth, app, second)).status == 200


async def test_other_apps_get_none(auth: Auth) -> None:
    await auth.register("ada")
    app = await auth.app()
    code = (await auth.authorize(app)).json()["code"]
    made = (await auth.redeem(app, code)).json()
    assert (made["refresh_token"], made["expires_in"]) == ("", 0)


async def test_no_refresh_token_is_stored(auth: Auth) -> None:
    await auth.register("ada")
    family, _, secret = (await log_in(auth, await offline_app(auth)))["refresh_token"].partition(
        "."
    )
    state = auth.cluster.state("auth")
    stored = str([(key, state.peek(key)) for key in state.keys("refresh:")])
    assert secret not in stored
    assert family not in stored


async def test_a_second_use_ends_the_login(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    first = await log_in(auth, app)
    second = (await refresh(auth, app, first)).json()
    stolen = await refresh(auth, app, first)
    assert (stolen.status, stolen.json()["code"]) == (400, "invalid_grant")
    assert not await works(auth, second["access_token"])
    assert (await refresh(auth, app, second)).status == 400
    web = await session(auth, kind="web")
    assert [one["kind"] for one in await listed(auth, web)] == ["web"]


async def test_of_two_uses_at_once_one_gets_tokens_and_both_end(auth: Auth) -> None:
    await auth.register("ada")
    app, other = await offline_app(auth), await auth.replica()
    first = await log_in(auth, app)
    answers = await asyncio.gather(refresh(auth, app, first), refresh(other, app, first))
    assert sorted(one.status for one in answers) in ([200, 400], [400, 400])
    for answer in answers:
        if answer.status == 200:
            assert not await works(auth, answer.json()["access_token"])
            assert (await refresh(auth, app, answer.json())).status == 400


async def test_another_app_cannot_use_it(auth: Auth) -> None:
    await auth.register("ada")
    app, other = await offline_app(auth), await offline_app(auth)
    first = await log_in(auth, app)
    assert (await refresh(auth, other, first)).status == 400
    assert (await refresh(auth, app, first)).status == 200


async def test_an_unused_one_expires(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    first = await log_in(auth, app)
    auth.clock.turn(REFRESH_TTL - 1)
    second = (await refresh(auth, app, first)).json()
    auth.clock.turn(REFRESH_TTL + 1)
    assert (await refresh(auth, app, second)).status == 400


async def test_the_list_shows_one_session_and_ends_it(auth: Auth) -> None:
    await auth.register("ada")
    app, web = await offline_app(auth), await session(auth, kind="web")
    second = (await refresh(auth, app, await log_in(auth, app))).json()
    (shown,) = [one for one in await listed(auth, web) if one["kind"] == "app"]
    assert (await auth.ask(f"/sessions/{shown['id']}/revoke", web)).status == 200
    assert not await works(auth, second["access_token"])
    assert (await refresh(auth, app, second)).status == 400


async def test_a_revocation_during_a_refresh_ends_both(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    app, web, other = await offline_app(auth), await session(auth, kind="web"), await auth.replica()
    first = await log_in(auth, app)
    (shown,) = [one for one in await listed(auth, web) if one["kind"] == "app"]
    faults = auth.running.sidecar.state.faults

    async def overtake(call: Any) -> None:
        if call.about == (f"sessions:{user_id}",) and call.name == "compare_and_set":
            faults.before.remove(overtake)
            assert (await other.ask(f"/sessions/{shown['id']}/revoke", web)).status == 200

    faults.before.append(overtake)
    assert (await refresh(auth, app, first)).status == 400
    assert [one["kind"] for one in await listed(auth, web)] == ["web"]


async def test_a_refresh_during_a_revocation_ends_with_it(auth: Auth) -> None:
    await auth.register("ada")
    app, web, other = await offline_app(auth), await session(auth, kind="web"), await auth.replica()
    first = await log_in(auth, app)
    (shown,) = [one for one in await listed(auth, web) if one["kind"] == "app"]
    faults, made = auth.running.sidecar.state.faults, []

    async def overtake(call: Any) -> None:
        if call.name == "compare_and_set" and call.about[0].startswith("revocations:"):
            faults.before.remove(overtake)
            made.append(await refresh(other, app, first))

    faults.before.append(overtake)
    assert (await auth.ask(f"/sessions/{shown['id']}/revoke", web)).status == 200
    assert made[0].status == 200
    assert not await works(auth, made[0].json()["access_token"])
    assert (await refresh(auth, app, made[0].json())).status == 400


async def test_a_changed_password_ends_it(auth: Auth) -> None:
    await auth.register("ada")
    app, web = await offline_app(auth), await session(auth, kind="web")
    first = await log_in(auth, app)
    form = {"current_password": PASSWORD, "password": "difference engine"}
    assert (await auth.ask("/passwords", web, **form)).status == 200
    assert (await refresh(auth, app, first)).status == 400


async def test_an_app_can_revoke_it(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    for name in ("access_token", "refresh_token"):
        tokens = await log_in(auth, app)
        body = {**proof(app), "token": tokens[name]}
        answer = await auth.running.call("POST", "/tokens/revoke", json=body)
        assert answer.status == 200
        assert not await works(auth, tokens["access_token"])
        assert (await refresh(auth, app, tokens)).status == 400


async def test_a_replayed_code_ends_it_after_a_refresh(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    code = (await auth.authorize(app, scope=SCOPES)).json()["code"]
    first = (await auth.redeem(app, code)).json()
    second = (await refresh(auth, app, first)).json()
    assert (await auth.redeem(app, code)).status == 400
    assert not await works(auth, second["access_token"])
    assert (await refresh(auth, app, second)).status == 400


async def test_a_crash_before_the_commit_leaves_the_refresh_token(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    first = await log_in(auth, app)
    await _crash(auth, app, first, after=False)
    other = await auth.replica()
    assert (await refresh(other, app, first)).status == 200


async def test_a_crash_after_the_commit_needs_a_new_login(auth: Auth) -> None:
    await auth.register("ada")
    app = await offline_app(auth)
    first = await log_in(auth, app)
    await _crash(auth, app, first, after=True)
    other = await auth.replica()
    assert (await refresh(other, app, first)).status == 400
    assert not await works(other, first["access_token"])
    assert (await refresh(other, app, await log_in(other, app))).status == 200


async def _crash(auth: Auth, app: dict[str, Any], tokens: dict[str, Any], *, after: bool) -> None:
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about="refresh:", after=after)
    pending = asyncio.create_task(refresh(auth, app, tokens))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
