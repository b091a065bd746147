"""Changes of the password: they need the present one, and end all other sessions."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes import Response
from tests.fakes.faults import Call
from tests.services.auth.harness import PASSWORD, Auth, cheap
from tests.services.auth.test_accounts import admin_token
from tests.services.auth.test_session_list import listed, stored_ids, works
from tests.services.auth.test_sessions import claims, session

NEW = "difference engine"


async def change(auth: Auth, token: str, current: str = PASSWORD, password: str = NEW) -> Response:
    return await auth.ask("/passwords", token, current_password=current, password=password)


async def log_in(auth: Auth, password: str) -> int:
    return (await auth.ask("/sessions", login="ada", password=password)).status


async def test_a_change_ends_all_other_sessions_and_renews_the_own(auth: Auth) -> None:
    await auth.register("ada")
    theirs = await auth.token(await auth.app())
    web = await session(auth, kind="web", user_agent="Chromium")
    answer = await change(auth, web)
    assert answer.status == 200, answer.text
    new = answer.json()["token"]
    assert [await works(auth, token) for token in (theirs, web, new)] == [False, False, True]
    (only,) = await listed(auth, new)
    assert (only["user_agent"], only["is_current"]) == ("Chromium", True)
    assert [await log_in(auth, password) for password in (PASSWORD, NEW)] == [401, 200]


async def test_the_present_password_must_be_right(auth: Auth) -> None:
    await auth.register("ada")
    web = await session(auth, kind="web")
    refused = await change(auth, web, "wrong")
    assert refused.status == 422
    assert refused.json()["details"] == {"current_password": ["is wrong"]}
    assert await works(auth, web)
    assert await log_in(auth, PASSWORD) == 200


@pytest.mark.parametrize("password", ["short", "x" * 257, "ada@example.org", "", "ADA@example.org"])
async def test_the_new_password_follows_the_rules_of_registration(
    auth: Auth, password: str
) -> None:
    await auth.register("ada")
    registered = await auth.register("eve", email="ada@example.org", password=password)
    web = await session(auth, kind="web")
    refused = await change(auth, web, password=password)
    assert refused.status == 422
    assert refused.json()["details"]["password"] == registered.json()["details"]["password"]
    assert await log_in(auth, PASSWORD) == 200


async def test_guesses_are_throttled_as_logins_are(auth: Auth) -> None:
    await auth.register("ada")
    web = await session(auth, kind="web")
    tried = [await change(auth, web, "wrong") for _ in range(10)]
    assert (tried[0].status, tried[-1].status) == (422, 429)
    assert tried[-1].json()["retry_after"] > 0
    assert (await change(auth, web)).status == 429
    assert await works(auth, web)


async def test_of_two_changes_at_once_one_wins(auth: Auth) -> None:
    await auth.register("ada")
    other = await auth.replica()
    first, second = [await session(auth, kind="web") for _ in range(2)]
    answers = await asyncio.gather(
        change(auth, first, password="first of two"),
        change(other, second, password="second of two"),
    )
    (won,) = [index for index, answer in enumerate(answers) if answer.status == 200]
    assert answers[1 - won].status in (401, 409, 422)
    passwords = ["first of two", "second of two"]
    assert [await log_in(auth, one) for one in (passwords[won], passwords[1 - won])] == [200, 401]
    assert await works(auth, answers[won].json()["token"])


async def test_a_change_that_another_one_overtakes_is_a_conflict(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    other = await auth.replica()
    first, second = [await session(auth, kind="web") for _ in range(2)]

    async def overtake(call: Call) -> None:
        if call.about == (f"person:{user_id}",) and call.name == "compare_and_set":
            auth.running.sidecar.state.faults.before.remove(overtake)
            assert (await change(other, second, password="second of two")).status == 200

    auth.running.sidecar.state.faults.before.append(overtake)
    refused = await change(auth, first, password="first of two")
    assert refused.status == 409
    assert [await log_in(auth, one) for one in ("first of two", "second of two")] == [401, 200]


async def test_a_login_with_the_old_password_during_the_change_gets_no_token(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    other, web = await auth.replica(), await session(auth, kind="web")

    async def overtake(call: Call) -> None:
        if call.about == (f"sessions:{user_id}",) and call.name == "compare_and_set":
            auth.running.sidecar.state.faults.before.remove(overtake)
            assert (await change(other, web)).status == 200
            auth.clock.turn(5)

    auth.running.sidecar.state.faults.before.append(overtake)
    assert await log_in(auth, PASSWORD) == 401
    assert len(stored_ids(auth, user_id)) == 1


async def test_a_crash_after_the_change_revokes_the_tokens_all_the_same(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    theirs, web = await auth.token(await auth.app()), await session(auth, kind="web")
    await auth.cluster.settle()
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about=f"person:{user_id}", after=True)
    pending = asyncio.create_task(change(auth, web))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica()
    for outbox in other.running.service.outboxes.values():
        await outbox.recover()
    await auth.cluster.settle()
    assert [await works(other, token) for token in (theirs, web)] == [False, False]
    assert [await log_in(other, password) for password in (PASSWORD, NEW)] == [401, 200]


async def test_a_change_works_while_the_hash_gets_newer_parameters(auth: Auth) -> None:
    await auth.register("ada")
    web = await session(auth, kind="web")
    newer = await auth.replica(cheap(time_cost=2))
    assert (await change(newer, web)).status == 200
    assert await log_in(newer, NEW) == 200


async def test_a_suspended_or_deleted_user_changes_nothing(auth: Auth) -> None:
    user_id = (await auth.register("ada")).json()["user_id"]
    web = await session(auth, kind="web")
    judge = await admin_token(auth)
    assert (await auth.ask(f"/people/{user_id}/suspend", judge)).status == 200
    assert (await change(auth, web)).status == 401
    await auth.ask(f"/people/{user_id}/unsuspend", judge)
    assert await log_in(auth, PASSWORD) == 200
    web = await session(auth, kind="web")
    assert (await auth.ask("/deletions", login="ada", password=PASSWORD)).status == 200
    assert (await change(auth, web)).status == 401


async def test_the_new_token_is_of_the_web_app_with_the_same_scopes(auth: Auth) -> None:
    await auth.register("ada")
    web = await session(auth, kind="web")
    new = (await change(auth, web)).json()["token"]
    assert [claims(new)[name] for name in ("client_id", "scope", "sub")] == [
        claims(web)[name] for name in ("client_id", "scope", "sub")
    ]
