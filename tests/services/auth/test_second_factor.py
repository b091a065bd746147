"""The second factor: codes work once, at every login, and the password alone gives nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pyotp
import pytest

from tests.fakes import Response
from tests.services.auth.harness import OOB, PASSWORD, Auth
from tests.services.auth.test_security_log import SecurityLog, log
from tests.services.auth.test_session_list import works
from tests.services.auth.test_sessions import session

__all__ = ["log"]


def code(auth: Auth, secret: str, steps: int = 0) -> str:
    """What an authenticator app shows, some steps from now."""
    return str(pyotp.TOTP(secret).generate_otp(int(auth.clock().timestamp()) // 30 + steps))


async def enable(auth: Auth, web: str) -> tuple[str, list[str]]:
    """Enable the factor. Returns the secret and the recovery codes; the next code is unused."""
    made = await auth.ask("/second_factor", web, current_password=PASSWORD)
    assert made.status == 200, made.text
    secret: str = made.json()["secret"]
    assert f"secret={secret}" in made.json()["uri"]
    confirmed = await auth.ask("/second_factor/confirm", web, code=code(auth, secret, -1))
    assert confirmed.status == 200, confirmed.text
    codes: list[str] = confirmed.json()["codes"]
    return secret, codes


async def with_factor(auth: Auth) -> tuple[str, str, list[str]]:
    await auth.register("ada")
    web = await session(auth, kind="web")
    return web, *await enable(auth, web)


async def ticket(auth: Auth) -> str:
    """Log in with the password alone."""
    asked = await auth.ask("/sessions", login="ada", password=PASSWORD, kind="web")
    assert (asked.status, asked.json()["code"]) == (401, "second_factor_required")
    found: str = asked.json()["ticket"]
    return found


async def finish(auth: Auth, found: str, typed: str) -> Response:
    return await auth.ask("/sessions", ticket=found, second_factor=typed, kind="web")


async def test_a_login_needs_the_code_of_the_app(auth: Auth) -> None:
    web, secret, _ = await with_factor(auth)
    assert await works(auth, web)
    found = await ticket(auth)
    wrong = await finish(auth, found, "000000")
    assert (wrong.status, wrong.json()["code"]) == (422, "invalid_code")
    right = await finish(auth, found, code(auth, secret))
    assert right.status == 200
    assert await works(auth, right.json()["token"])


async def test_an_app_is_authorized_with_a_code(auth: Auth) -> None:
    _, secret, _ = await with_factor(auth)
    app = await auth.app()
    asked = await auth.authorize(app)
    assert asked.json()["code"] == "second_factor_required"
    form = {"client_id": app["client_id"], "redirect_uri": OOB, "scope": "read"}
    proof = {"ticket": asked.json()["ticket"], "second_factor": code(auth, secret)}
    assert (await auth.ask("/authorizations", **form, **proof)).status == 200


async def test_a_code_works_once_within_its_window(auth: Auth, log: SecurityLog) -> None:
    _, secret, _ = await with_factor(auth)
    used = code(auth, secret)
    assert (await finish(auth, await ticket(auth), used)).status == 200
    log.take()
    again = await finish(auth, await ticket(auth), used)
    assert again.json()["code"] == "invalid_code"
    assert [(event, reason) for event, _, reason in log.take()] == [
        ("login_failed", "code_replayed")
    ]
    earlier = await finish(auth, await ticket(auth), code(auth, secret, -1))
    assert earlier.status == 422
    assert (await finish(auth, await ticket(auth), code(auth, secret, 1))).status == 200


async def test_of_two_logins_at_once_with_one_code_one_wins(auth: Auth) -> None:
    _, secret, _ = await with_factor(auth)
    other = await auth.replica()
    first, second, used = await ticket(auth), await ticket(auth), code(auth, secret)
    answers = await asyncio.gather(finish(auth, first, used), finish(other, second, used))
    assert sorted(one.status for one in answers) == [200, 422]


async def test_of_two_logins_at_once_with_one_recovery_code_one_wins(auth: Auth) -> None:
    _, _, codes = await with_factor(auth)
    other = await auth.replica()
    first, second = await ticket(auth), await ticket(auth)
    answers = await asyncio.gather(finish(auth, first, codes[0]), finish(other, second, codes[0]))
    assert sorted(one.status for one in answers) == [200, 422]


async def test_recovery_codes_work_once_each_and_are_stored_as_hashes(
    auth: Auth, log: SecurityLog
) -> None:
    web, _, codes = await with_factor(auth)
    assert len(set(codes)) == 10
    state = auth.cluster.state("auth")
    stored = str([state.peek(key) for key in state.keys("factor:")])
    assert not [one for one in codes if one in stored or one.replace("-", "") in stored]
    log.take()
    typed = f" {codes[3].lower().replace('-', ' ')} "
    assert (await finish(auth, await ticket(auth), typed)).status == 200
    events = [event for event, _, _ in log.take()]
    assert events == ["recovery_code_used", "login_succeeded"]
    assert (await finish(auth, await ticket(auth), codes[3])).status == 422
    status = await auth.running.call("GET", "/second_factor", token=web)
    assert status.json() == {"enabled": True, "recovery_codes_left": 9}
    log.take()
    assert not [line for line in log.everything if codes[3] in line]


async def test_guesses_are_throttled(auth: Auth) -> None:
    _, secret, _ = await with_factor(auth)
    found = await ticket(auth)
    statuses = [(await finish(auth, found, f"{guess:06}")).status for guess in range(10)]
    assert (statuses[0], statuses[-1]) == (422, 429)
    assert (await finish(auth, found, code(auth, secret))).status == 429
    auth.clock.turn(290)
    assert (await finish(auth, found, code(auth, secret))).status == 200


async def test_a_ticket_ends_with_time_and_with_the_password(auth: Auth) -> None:
    web, secret, _ = await with_factor(auth)
    found = await ticket(auth)
    form = {"current_password": PASSWORD, "password": "difference engine"}
    assert (await auth.ask("/passwords", web, **form)).status == 200
    assert (await finish(auth, found, code(auth, secret))).status == 401
    asked = await auth.ask("/sessions", login="ada", password="difference engine", kind="web")
    auth.clock.turn(301)
    assert (await finish(auth, asked.json()["ticket"], code(auth, secret))).status == 401
    assert (await finish(auth, "x" * 43, code(auth, secret))).status == 401


async def test_it_is_enabled_by_a_code_and_disabled_by_the_password(
    auth: Auth, log: SecurityLog
) -> None:
    await auth.register("ada")
    web = await session(auth, kind="web")
    wrong = await auth.ask("/second_factor", web, current_password="wrong")
    assert wrong.json()["details"] == {"current_password": ["is wrong"]}
    assert (await auth.ask("/second_factor/confirm", web, code="000000")).status == 422
    await auth.ask("/second_factor", web, current_password=PASSWORD)
    assert (await auth.ask("/second_factor/confirm", web, code="000000")).status == 422
    assert (await auth.ask("/sessions", login="ada", password=PASSWORD)).status == 200
    await enable(auth, web)
    assert (await auth.ask("/second_factor", web, current_password=PASSWORD)).status == 409
    refused = await auth.ask("/second_factor/disable", web, current_password="wrong")
    assert refused.status == 422
    await ticket(auth)
    log.take()
    assert (await auth.ask("/second_factor/disable", web, current_password=PASSWORD)).status == 200
    assert ("second_factor_disabled", "") in [(event, reason) for event, _, reason in log.take()]
    assert (await auth.ask("/sessions", login="ada", password=PASSWORD)).status == 200


async def test_the_password_alone_deletes_no_account(auth: Auth) -> None:
    web, _, _ = await with_factor(auth)
    form = {"login": "ada", "password": PASSWORD}
    refused = await auth.ask("/deletions", **form)
    assert refused.json()["code"] == "second_factor_required"
    assert (await auth.ask("/deletions", web, **form)).status == 200
    await auth.cluster.settle()
    assert auth.cluster.state("auth").keys("factor:") == []


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_at_the_use_of_a_code_never_lets_it_work_twice(
    auth: Auth, after: bool
) -> None:
    _, secret, _ = await with_factor(auth)
    found, used = await ticket(auth), code(auth, secret)
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about="factor:", after=after)
    pending = asyncio.create_task(finish(auth, found, used))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica()
    assert (await finish(other, found, used)).status == (422 if after else 200)
    answer: dict[str, Any] = (await finish(other, found, code(auth, secret, 1))).json()
    assert answer["token"]
