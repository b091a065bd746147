"""Forgotten passwords: a link by mail, once, for an hour, to the owner of a confirmed address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.chassis.ids import SnowflakeGenerator
from tests.fakes.faults import Call
from tests.fakes.sidecar import FakeSidecar
from tests.services.auth.harness import PASSWORD, Auth, auth_harness, start_notifications
from tests.services.auth.mailing import (
    EMAIL,
    confirmed,
    follow,
    link,
    mails,
    request_reset,
    required_reset,
)
from tests.services.auth.test_accounts import admin_token
from tests.services.auth.test_session_list import works
from tests.services.auth.test_sessions import session

NEW = "difference engine"
RESET = "/password_resets/redeem"
INVOCATIONS = 3
"""Attempts of one call of another service."""


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with auth_harness(mail=True) as auth:
        yield auth


def mail_sidecar(auth: Auth) -> FakeSidecar:
    (running,) = [one for one in auth.cluster.running if one.name == "notifications"]
    return running.sidecar


async def log_in(auth: Auth, password: str, login: str = "ada") -> int:
    return (await auth.ask("/sessions", login=login, password=password)).status


async def redeem(auth: Auth, found: dict[str, str], password: str = NEW) -> int:
    return (await follow(auth, RESET, found, password=password)).status


async def test_a_link_sets_a_new_password_once_and_ends_all_sessions(auth: Auth) -> None:
    await confirmed(auth)
    tokens = [await session(auth, kind="web"), await auth.token(await auth.app())]
    auth.cluster.mails.clear()
    mail = await request_reset(auth)
    assert mail is not None
    assert (mail.to, "a new password for your account @ada" in mail.html) == (EMAIL, True)
    assert await redeem(auth, link(mail)) == 200
    assert [await works(auth, token) for token in tokens] == [False, False]
    assert [await log_in(auth, one) for one in (PASSWORD, NEW)] == [401, 200]
    assert await redeem(auth, link(mail), "a third password") == 422
    assert await log_in(auth, NEW) == 200
    assert "Your password at Microgram was changed" in [one.subject for one in await mails(auth)]


async def test_only_a_hash_of_the_token_is_stored(auth: Auth) -> None:
    await confirmed(auth)
    token = (await required_reset(auth))["token"]
    state = auth.cluster.state("auth")
    assert not [key for key in state.keys("") if token in str(state.peek(key))]


async def test_strangers_learn_nothing(auth: Auth) -> None:
    await confirmed(auth)
    counted = []
    for email in (EMAIL, "nobody@example.org"):
        calls: list[Call] = []

        async def count(call: Call, calls: list[Call] = calls) -> None:
            calls.append(call)

        faults = auth.running.sidecar.state.faults
        faults.before.append(count)
        answer = await auth.ask("/password_resets", email=email)
        made = [call.name for call in calls]
        faults.before.remove(count)
        counted.append((answer.status, answer.text, made))
        await auth.cluster.settle()
    assert counted[0] == counted[1]
    assert [mail.to for mail in auth.cluster.mails] == [EMAIL]


async def test_an_unconfirmed_address_gets_no_link(auth: Auth) -> None:
    await auth.register("ada")
    auth.cluster.mails.clear()
    await mails(auth)
    auth.cluster.mails.clear()
    assert await request_reset(auth) is None


async def test_an_address_from_before_there_was_mail_gets_no_link_until_it_is_confirmed() -> None:
    async with auth_harness() as auth:
        await auth.register("ada")
        other = await auth.replica(mail=True)
        await start_notifications(auth.cluster)
        assert await request_reset(other) is None


async def test_suspended_and_deleted_users_get_no_link(auth: Auth) -> None:
    user_id = await confirmed(auth)
    admin = await admin_token(auth)
    found = await required_reset(auth)
    assert (await auth.ask(f"/people/{user_id}/suspend", admin)).status == 200
    assert await redeem(auth, found) == 422
    auth.clock.turn(700)
    assert await request_reset(auth) is None
    assert (await auth.ask(f"/people/{user_id}/unsuspend", admin)).status == 200
    found = await required_reset(auth)
    assert (await auth.ask("/deletions", login="ada", password=PASSWORD)).status == 200
    assert await redeem(auth, found) == 422
    auth.clock.turn(700)
    auth.cluster.mails.clear()
    assert await request_reset(auth) is None


async def test_a_link_expires(auth: Auth) -> None:
    await confirmed(auth)
    found = await required_reset(auth)
    auth.clock.turn(3599)
    assert await redeem(auth, found, "short") == 422  # the link still works, the password does not
    auth.clock.turn(2)
    assert await redeem(auth, found) == 422
    assert await log_in(auth, PASSWORD) == 200


async def test_another_user_or_token_is_refused_in_the_same_way(auth: Auth) -> None:
    await confirmed(auth)
    eve = await confirmed(auth, "eve")
    found = await required_reset(auth)
    nobody = SnowflakeGenerator().next()
    answers = [
        await follow(auth, RESET, {**found, **changed}, password=NEW)
        for changed in ({"user_id": eve}, {"user_id": nobody}, {"token": "x" * 43})
    ]
    assert len({(one.status, one.text) for one in answers}) == 1
    assert answers[0].json()["code"] == "invalid_link"
    assert await redeem(auth, found) == 200


async def test_a_newer_link_ends_the_one_before(auth: Auth) -> None:
    await confirmed(auth)
    first = await required_reset(auth)
    auth.clock.turn(601)
    second = await required_reset(auth)
    assert [await redeem(auth, found) for found in (first, second)] == [422, 200]


async def test_a_changed_password_ends_a_link(auth: Auth) -> None:
    await confirmed(auth)
    found = await required_reset(auth)
    web = await session(auth, kind="web")
    form = {"current_password": PASSWORD, "password": NEW}
    assert (await auth.ask("/passwords", web, **form)).status == 200
    assert await redeem(auth, found, "a third password") == 422


async def test_a_weak_password_does_not_use_the_link_up(auth: Auth) -> None:
    await confirmed(auth)
    found = await required_reset(auth)
    refused = await follow(auth, RESET, found, password="password1")
    assert refused.json()["details"].keys() == {"password"}
    assert await redeem(auth, found) == 200


async def test_of_two_uses_of_a_link_at_once_one_wins(auth: Auth) -> None:
    await confirmed(auth)
    other = await auth.replica(mail=True)
    found = await required_reset(auth)
    passwords = ["first of two words", "second of two words"]
    answers = await asyncio.gather(
        redeem(auth, found, passwords[0]), redeem(other, found, passwords[1])
    )
    assert sorted(answers) == [200, 422]
    won = passwords[answers.index(200)]
    assert [await log_in(auth, one) for one in passwords] == [
        200 if one == won else 401 for one in passwords
    ]


async def test_many_requests_are_one_mail(auth: Auth) -> None:
    await confirmed(auth)
    sent = [await request_reset(auth) for _ in range(4)]
    assert [one is not None for one in sent] == [True, False, False, False]
    auth.clock.turn(601)
    assert await request_reset(auth) is not None


async def request_reset_without_server(auth: Auth) -> None:
    """Request a link while the mail server is away; the first attempt fails."""
    mail_sidecar(auth).faults.fail(
        "send_mail",
        times=3,
        error=Unavailable("the server is away"),  # an invocation is tried thrice
    )
    assert await request_reset(auth) is None


async def test_a_mail_waits_for_its_server(auth: Auth) -> None:
    await confirmed(auth)
    await request_reset_without_server(auth)
    auth.clock.turn(6)
    (mail,) = await mails(auth)
    assert await redeem(auth, link(mail)) == 200


async def test_a_mail_in_doubt_is_not_repeated(auth: Auth) -> None:
    await confirmed(auth)
    mail_sidecar(auth).faults.fail("send_mail", error=OutcomeUnknown("no answer"))
    assert await request_reset(auth) is None
    auth.clock.turn(60)
    assert await mails(auth) == []


async def test_a_mail_that_is_too_late_is_given_up(auth: Auth) -> None:
    await confirmed(auth)
    await request_reset_without_server(auth)
    auth.clock.turn(3700)
    assert await mails(auth) == []


async def test_a_request_survives_the_process(auth: Auth) -> None:
    await confirmed(auth)
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about="mail:", after=True)
    pending = asyncio.create_task(auth.ask("/password_resets", email=EMAIL))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica(mail=True)
    await auth.cluster.settle()
    (mail,) = await mails(other)
    assert await redeem(other, link(mail)) == 200


async def test_a_crash_after_the_reset_revokes_the_tokens_all_the_same(auth: Auth) -> None:
    user_id = await confirmed(auth)
    web = await session(auth, kind="web")
    found = await required_reset(auth)
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about=f"person:{user_id}", after=True)
    pending = asyncio.create_task(redeem(auth, found))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica(mail=True)
    for outbox in other.running.service.outboxes.values():
        await outbox.recover()
    await auth.cluster.settle()
    assert not await works(other, web)
    assert [await log_in(other, one) for one in (PASSWORD, NEW)] == [401, 200]
    assert await redeem(other, found, "a third password") == 422
    assert "Your password at Microgram was changed" in [one.subject for one in await mails(other)]


async def test_the_operator_gets_a_link_without_mail() -> None:
    async with auth_harness() as auth:
        await auth.register("ada")
        assert await request_reset(auth) is None
        body = {"username": "ada"}
        refused = await auth.running.call("POST", "/password_links", json=body)
        assert refused.status == 403
        made = await auth.running.operate("POST", "/password_links", json=body)
        assert made.status == 200
        found = made.json()
        assert found["url"].endswith(f"/edit?of={found['user_id']}&token={found['token']}")
        assert await redeem(auth, found) == 200
        assert await log_in(auth, NEW) == 200
        missing = await auth.running.operate("POST", "/password_links", json={"username": "eve"})
        assert missing.status == 404
