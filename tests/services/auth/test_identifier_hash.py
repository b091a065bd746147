"""Addresses and retired names are stored under a keyed hash; older reservations still count."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from services.auth.adapters.identifier_hash import (
    IDENTIFIER_KEY_SECRET,
    IdentifierHasher,
    InvalidIdentifierKey,
)
from tests.fakes.faults import Call
from tests.services.auth.harness import PASSWORD, Auth

EMAIL = "ada@example.org"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def keys(auth: Auth, kind: str) -> list[str]:
    return auth.cluster.state("auth").keys(f"{kind}:")


async def registered(auth: Auth, username: str = "ada", **changed: Any) -> int:
    token = await auth.app_token(await auth.app())
    return (await auth.register(username, token, **changed)).status


async def as_before_keys(auth: Auth, email: str = EMAIL) -> None:
    """Move a reservation to where versions before the key kept it."""
    (key,), state = keys(auth, "email"), auth.cluster.state("auth")
    entry = await state.get(key)
    await state.set(f"email:{sha256(email)}", entry.value)
    await state.delete(key)


async def leave(auth: Auth, login: str = "ada") -> None:
    form = {"login": login, "password": PASSWORD}
    done = await auth.running.call("POST", "/deletions", json=form)
    assert done.status == 200, done.text
    await auth.cluster.settle()


async def test_no_key_is_a_plain_hash_of_an_address_or_login(auth: Auth) -> None:
    assert await registered(auth) == 200
    await auth.token(await auth.app(), EMAIL)
    (reservation,) = keys(auth, "email")
    assert len(reservation.partition(":")[2]) == 64
    stored = " ".join(auth.cluster.state("auth").keys())
    for text in (EMAIL, "ada"):
        assert sha256(text) not in stored
    state = auth.cluster.state("auth")
    assert "ada" not in str(state.peek(reservation)), "the name beside the hash of the address"


async def test_the_hash_depends_on_the_key_and_the_purpose() -> None:
    async def one() -> str:
        return "a" * 32

    async def other() -> str:
        return "b" * 32

    hashes = {
        await IdentifierHasher(one).hash("email", EMAIL),
        await IdentifierHasher(one).hash("login", EMAIL),
        await IdentifierHasher(other).hash("email", EMAIL),
    }
    assert len(hashes) == 3


async def test_a_key_that_is_too_short_is_refused() -> None:
    async def short() -> str:
        return "a" * 31

    with pytest.raises(InvalidIdentifierKey) as refused:
        await IdentifierHasher(short).hash("email", EMAIL)
    assert "aaa" not in refused.value.message


async def test_without_the_key_nobody_registers(auth: Auth) -> None:
    token = await auth.app_token(await auth.app())
    del auth.cluster.secrets[IDENTIFIER_KEY_SECRET]
    other = await auth.replica()
    assert (await other.register("ada", token)).status >= 400
    assert keys(auth, "person") == []


async def test_an_older_reservation_logs_in_and_keeps_its_address(auth: Auth) -> None:
    assert await registered(auth) == 200
    await as_before_keys(auth)
    assert await auth.token(await auth.app(), EMAIL)
    assert await registered(auth, "eve", email=EMAIL) == 422
    assert keys(auth, "email") == [f"email:{sha256(EMAIL)}"]


async def test_a_deletion_removes_an_older_reservation_and_frees_the_address(auth: Auth) -> None:
    assert await registered(auth) == 200
    await as_before_keys(auth)
    await leave(auth)
    assert f"email:{sha256(EMAIL)}" not in keys(auth, "email")
    assert await registered(auth, "eve", email=EMAIL) == 200


async def test_a_deleted_name_is_gone_from_the_store_and_never_given_again(auth: Auth) -> None:
    assert await registered(auth, "Zanzibar", email="zed@example.net") == 200
    await leave(auth, "zanzibar")
    state = auth.cluster.state("auth")
    stored = " ".join(f"{key} {state.peek(key)}" for key in state.keys("")).lower()
    assert "zanzibar" not in stored
    assert "zed@" not in stored
    assert await registered(auth, "ZANZIBAR", email="other@example.net") == 422
    assert await registered(auth, "eve", email="zed@example.net") == 200


async def test_a_name_that_is_retired_during_a_registration_is_not_given(auth: Auth) -> None:
    """The registration finds the name free, and its user is deleted before it is reserved."""
    assert await registered(auth) == 200
    token = await auth.app_token(await auth.app())
    state, other = auth.cluster.state("auth"), await auth.replica()
    await leave(auth)
    (retired,) = keys(auth, "retired")
    entry = await state.get(retired)
    await state.delete(retired)

    async def retire(call: Call) -> None:
        if call == Call("compare_and_set", ("login:ada",)):
            await state.set(retired, entry.value)

    other.running.sidecar.state.faults.before.append(retire)
    assert (await other.register("ada", token)).status == 422
    assert keys(auth, "login") == []


@pytest.mark.parametrize(
    ("call", "about"),
    [
        ("compare_and_set", "email:"),
        ("delete", "email:"),
        ("compare_and_set", "retired:"),
        ("delete", "login:"),
    ],
)
@pytest.mark.parametrize("after", [False, True])
async def test_an_interrupted_deletion_leaves_neither_name_nor_address(
    auth: Auth, call: str, about: str, after: bool
) -> None:
    assert await registered(auth, "Zanzibar", email="zed@example.net") == 200
    await auth.cluster.settle()
    if call == "delete" and about == "email:":
        await as_before_keys(auth, "zed@example.net")
    doomed = auth.running
    faults = doomed.sidecar.state.faults
    faults.crash(call, about=about, after=after)
    form = {"login": "zanzibar", "password": PASSWORD}
    await doomed.while_alive(doomed.call("POST", "/deletions", json=form))
    async with asyncio.timeout(20):
        settled = asyncio.ensure_future(auth.cluster.settle())
        await faults.dead.wait()
        settled.cancel()
        await asyncio.gather(settled, return_exceptions=True)
    await doomed.kill()
    doomed.service.outboxes.clear()
    await auth.replica()
    for _ in range(4):
        await auth.cluster.settle()
    state = auth.cluster.state("auth")
    stored = " ".join(f"{key} {state.peek(key)}" for key in state.keys("")).lower()
    assert "zanzibar" not in stored
    assert "zed@" not in stored
