"""Addresses: confirmed by a link, changed with the password, and no stranger learns of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.auth.adapters.identifier_hash import IDENTIFIER_KEY_SECRET, IdentifierHasher
from tests.fakes import Response
from tests.services.auth.harness import PASSWORD, Auth, auth_harness
from tests.services.auth.mailing import EMAIL, confirm, confirmed, follow, link, mails
from tests.services.auth.test_sessions import session

OTHER = "ada@example.com"


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with auth_harness(mail=True) as auth:
        yield auth


async def own(auth: Auth, token: str) -> dict[str, Any]:
    found: dict[str, Any] = (await auth.running.call("GET", "/emails", token=token)).json()
    return found


async def change(
    auth: Auth, token: str, email: str = OTHER, current_password: str = PASSWORD
) -> Response:
    return await auth.ask("/emails", token, email=email, current_password=current_password)


async def log_in(auth: Auth, login: str) -> int:
    return (await auth.ask("/sessions", login=login, password=PASSWORD)).status


async def test_an_account_works_before_its_address_is_confirmed(auth: Auth) -> None:
    await auth.register("ada")
    web = await session(auth, kind="web")
    assert await own(auth, web) == {
        "email": "",
        "is_confirmed": False,
        "unconfirmed_email": EMAIL,
        "can_change": True,
    }
    assert await log_in(auth, EMAIL) == 401
    (mail,) = await mails(auth)
    assert (mail.to, mail.subject) == (EMAIL, "Confirm your e-mail address for Microgram")
    assert (await confirm(auth, mail)).status == 200
    assert (await own(auth, web))["is_confirmed"]
    assert await log_in(auth, EMAIL) == 200
    assert (await confirm(auth, mail)).json()["code"] == "invalid_link"


async def test_a_registration_tells_no_stranger_which_address_is_in_use(auth: Auth) -> None:
    await confirmed(auth)
    auth.clock.turn(601)  # a further mail to this address is allowed
    known = await auth.register("eve", email=EMAIL)
    unknown = await auth.register("mallory")
    for answer in (known, unknown):
        assert answer.status == 200
        assert answer.json().keys() == unknown.json().keys()
    sent = {mail.to: mail for mail in await mails(auth)}
    assert sent[EMAIL].subject == "You already have an account at Microgram"
    assert "@ada" in sent[EMAIL].html
    assert "eve" not in sent[EMAIL].html
    assert [await log_in(auth, login) for login in ("eve", EMAIL)] == [200, 200]
    state = auth.running.sidecar.state
    assert state.peek(f"person:{known.json()['user_id']}")["data"]["email"] == ""


async def test_a_change_tells_no_one_which_address_is_in_use(auth: Auth) -> None:
    await confirmed(auth, "eve")
    await confirmed(auth)
    web = await session(auth, kind="web")
    taken, free = await change(auth, web, "eve@example.org"), await change(auth, web, OTHER)
    assert (taken.status, free.status) == (200, 200)
    assert taken.json() | {"unconfirmed_email": ""} == free.json() | {"unconfirmed_email": ""}


async def test_a_deleted_name_is_refused_as_an_unknown_one(auth: Auth) -> None:
    await auth.register("ada")
    await auth.ask("/deletions", login="ada", password=PASSWORD)
    answers = [
        await auth.ask("/sessions", login=login, password=PASSWORD) for login in ("ada", "nobody")
    ]
    assert len({(one.status, one.text) for one in answers}) == 1


async def test_a_changed_address_needs_the_password_and_the_link(auth: Auth) -> None:
    await confirmed(auth)
    web = await session(auth, kind="web")
    wrong = await change(auth, web, current_password="wrong")
    assert wrong.json()["details"] == {"current_password": ["is wrong"]}
    invalid = await change(auth, web, email="x")
    assert invalid.json()["details"] == {"email": ["is not an e-mail address"]}
    await mails(auth)
    auth.cluster.mails.clear()
    assert (await change(auth, web)).json()["unconfirmed_email"] == OTHER
    assert [await log_in(auth, one) for one in (EMAIL, OTHER)] == [200, 401]
    (mail,) = [mail for mail in await mails(auth) if mail.to == OTHER]
    assert (await confirm(auth, mail)).status == 200
    assert [await log_in(auth, one) for one in (EMAIL, OTHER)] == [401, 200]
    (notice,) = [mail for mail in await mails(auth) if "was changed" in mail.subject]
    assert notice.to == EMAIL


async def test_a_former_address_is_free_again(auth: Auth) -> None:
    await confirmed(auth)
    web = await session(auth, kind="web")
    await change(auth, web)
    (mail,) = [mail for mail in await mails(auth) if mail.to == OTHER]
    await confirm(auth, mail)
    await auth.cluster.settle()
    hasher = IdentifierHasher(lambda: auth.running.sidecar.secret(IDENTIFIER_KEY_SECRET))
    kept = auth.running.sidecar.state.peek(f"email:{await hasher.hash('email', EMAIL)}")
    assert kept["data"]["user_id"] == ""
    auth.clock.turn(601)
    await auth.register("eve", email=EMAIL)
    mail = [mail for mail in await mails(auth) if mail.subject.startswith("Confirm")][-1]
    assert mail.to == EMAIL
    assert (await confirm(auth, mail)).status == 200


async def test_a_changed_address_ends_a_link_to_a_new_password(auth: Auth) -> None:
    await confirmed(auth)
    web = await session(auth, kind="web")
    await change(auth, web)
    (mail,) = [mail for mail in await mails(auth) if mail.to == OTHER]
    await auth.ask("/password_resets", email=EMAIL)
    (reset,) = [one for one in await mails(auth) if one.subject.startswith("A new password")]
    await confirm(auth, mail)
    answer = await follow(
        auth, "/password_resets/redeem", link(reset), password="difference engine"
    )
    assert answer.json()["code"] == "invalid_link"


async def test_of_two_users_with_one_address_the_first_to_confirm_has_it(auth: Auth) -> None:
    await auth.register("ada")
    (first,) = await mails(auth)
    auth.clock.turn(601)
    await auth.register("eve", email=EMAIL)
    second = (await mails(auth))[-1]
    assert (link(first)["user_id"], link(second)["user_id"]) != ("", "")
    other = await auth.replica(mail=True)
    answers = await asyncio.gather(confirm(auth, first), confirm(other, second))
    assert sorted(one.status for one in answers) == [200, 422]
    assert await log_in(auth, EMAIL) == 200


async def test_of_two_confirmations_at_once_one_wins(auth: Auth) -> None:
    await auth.register("ada")
    (mail,) = await mails(auth)
    other = await auth.replica(mail=True)
    answers = await asyncio.gather(confirm(auth, mail), confirm(other, mail))
    assert sorted(one.status for one in answers) == [200, 422]
    assert await log_in(auth, EMAIL) == 200


@pytest.mark.parametrize("key", ["email:", "person:"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_during_a_confirmation_is_mended_by_the_same_link(
    auth: Auth, key: str, after: bool
) -> None:
    await auth.register("ada")
    (mail,) = await mails(auth)
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about=key, after=after)
    pending = asyncio.create_task(confirm(auth, mail))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica(mail=True)
    is_done = key == "person:" and after
    assert (await confirm(other, mail)).status == (422 if is_done else 200)
    assert await log_in(other, EMAIL) == 200


async def test_a_reservation_without_its_user_does_not_block_an_address(auth: Auth) -> None:
    await auth.register("ada")
    (mail,) = await mails(auth)
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about="email:", after=True)
    pending = asyncio.create_task(confirm(auth, mail))
    await faults.dead.wait()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica(mail=True)
    other.clock.turn(601)
    await other.register("eve", email=EMAIL)
    second = (await mails(other))[-1]
    assert second.subject.startswith("Confirm")
    assert (await confirm(other, second)).status == 200


async def test_a_registration_sends_its_mail_though_the_process_dies(auth: Auth) -> None:
    await auth.die_registering("person:", after=True)
    other = await auth.replica(mail=True)
    for outbox in other.running.service.outboxes.values():
        await outbox.recover()
    (mail,) = await mails(other)
    assert (await confirm(other, mail)).status == 200


async def test_no_mail_floods_an_address(auth: Auth) -> None:
    for number in range(5):
        await auth.register(f"eve{number}", email=EMAIL)
    assert len(await mails(auth)) == 1


async def test_without_mail_an_address_is_taken_at_once_and_cannot_change() -> None:
    async with auth_harness() as auth:
        await auth.register("ada")
        taken = await auth.register("eve", email=EMAIL)
        assert taken.json()["details"] == {"email": ["has already been taken"]}
        web = await session(auth, kind="web")
        assert (await own(auth, web))["can_change"] is False
        assert (await change(auth, web)).status == 422


async def test_each_new_login_is_announced_with_its_app(auth: Auth) -> None:
    await confirmed(auth)
    await session(auth, kind="web", user_agent="Firefox <b>")
    await auth.token(await auth.app())
    first, second = await mails(auth)
    assert {first.to, second.to} == {EMAIL}
    assert first.subject == "A new login to Microgram"
    assert "<li>Microgram for the web</li>\n<li>Firefox &lt;b&gt;</li>" in first.html
    assert "<li>toot</li>" in second.html


async def test_a_refused_login_and_an_unconfirmed_address_get_no_notice(auth: Auth) -> None:
    await confirmed(auth)
    await auth.ask("/sessions", login="ada", password="wrong", kind="web")
    await auth.register("eve")
    before = len(await mails(auth))
    await auth.ask("/sessions", login="eve", password=PASSWORD, kind="web")
    assert len(await mails(auth)) == before


async def test_a_login_whose_process_dies_before_its_notice_gets_no_token(auth: Auth) -> None:
    await confirmed(auth)
    faults = auth.running.sidecar.state.faults
    faults.crash("compare_and_set", about="mail:", after=True)
    pending = asyncio.create_task(session(auth, kind="web"))
    await faults.dead.wait()
    assert not pending.done()
    await auth.running.kill()
    pending.cancel()
    auth.running.service.outboxes.clear()
    other = await auth.replica(mail=True)
    (notice,) = await mails(other)
    assert notice.subject == "A new login to Microgram"
