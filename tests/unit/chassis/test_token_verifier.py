from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from services.auth.adapters import revocations
from services.chassis.errors import Unauthenticated, Unavailable
from services.chassis.periodic import BackgroundWork
from services.chassis.security import token_verifier as module
from services.chassis.security.token_verifier import TokenVerifier
from tests.fakes import FakeAuth, FakeNetwork, FakeSidecar, until


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    class Ahead:
        time = staticmethod(lambda: time.time() + clock.ahead)
        monotonic = staticmethod(lambda: time.monotonic() + clock.ahead)

    monkeypatch.setattr(module, "time", Ahead)
    return clock


@pytest.fixture
def auth() -> FakeAuth:
    return FakeAuth()


@pytest.fixture
def sidecar(auth: FakeAuth) -> FakeSidecar:
    network = FakeNetwork()
    network.add("auth", auth)
    return FakeSidecar(network=network)


@pytest.fixture
def identity(sidecar: FakeSidecar) -> TokenVerifier:
    return TokenVerifier(sidecar)


async def test_a_valid_token_identifies_the_caller(identity: TokenVerifier, auth: FakeAuth) -> None:
    token = auth.token("7", "read write:media", client_id="app", username="ada")
    caller = await identity.verify(token)
    assert (caller.user_id, caller.username, caller.client_id) == ("7", "ada", "app")
    assert caller.token == token
    assert caller.may("read:statuses")
    assert caller.may("write:media")
    assert not caller.may("write:statuses")
    assert not caller.may("write")


async def test_the_scope_follow_covers_follows_blocks_and_mutes(
    identity: TokenVerifier, auth: FakeAuth
) -> None:
    caller = await identity.verify(auth.token("7", "follow"))
    assert all(caller.may(f"write:{what}") for what in ("follows", "blocks", "mutes"))
    assert not caller.may("write:media")


async def test_a_token_is_verified_once_and_then_cached(
    identity: TokenVerifier, auth: FakeAuth, sidecar: FakeSidecar
) -> None:
    token = auth.token("7")
    for _ in range(5):
        await identity.verify(token)
    assert sidecar.faults.count("invoke") == 2  # the keys, the revocations


async def test_a_token_expires_also_when_it_is_cached(
    identity: TokenVerifier, auth: FakeAuth, clock: Clock
) -> None:
    token = auth.token("7", lasts=100)
    await identity.verify(token)
    clock.ahead = 101
    with pytest.raises(Unauthenticated):
        await identity.verify(token)
    with pytest.raises(Unauthenticated):
        await identity.verify(auth.token("7", lasts=-10))


Forge = Callable[[FakeAuth], str]


def _altered(auth: FakeAuth) -> str:
    head, _, signature = auth.token("7").split(".")
    return ".".join((head, auth.token("8").split(".")[1], signature))


def _none(auth: FakeAuth) -> str:
    claims = jwt.decode(auth.token("7"), options={"verify_signature": False})
    kid = jwt.get_unverified_header(auth.token("7"))["kid"]
    return jwt.encode(claims, "", "none", headers={"kid": kid})


def _symmetric(auth: FakeAuth) -> str:
    claims = jwt.decode(auth.token("7"), options={"verify_signature": False})
    key = auth.jwks()["keys"][0]
    return jwt.encode(claims, key["x"].ljust(64, "="), "HS256", headers={"kid": key["kid"]})


def _stranger(auth: FakeAuth) -> str:
    """A token signed with another key, under the id of the right one."""
    other = FakeAuth()
    other._kid, other._keys = auth._kid, {auth._kid: next(iter(other._keys.values()))}
    return other.token("7")


@pytest.mark.parametrize(
    "forge",
    [
        *(_altered, _none, _symmetric, _stranger),
        lambda _: FakeAuth().token("7"),
        lambda auth: auth.token("7", iss="somebody"),
        lambda auth: auth.token("7", jti=None),
        lambda auth: auth.token("7")[:-4],
        lambda _: "not a token",
        lambda _: "",
    ],
)
async def test_a_forged_token_is_refused(
    identity: TokenVerifier, auth: FakeAuth, forge: Forge
) -> None:
    with pytest.raises(Unauthenticated):
        await identity.verify(forge(auth))


async def test_a_new_key_is_fetched_and_old_tokens_stay_valid(
    identity: TokenVerifier, auth: FakeAuth, clock: Clock
) -> None:
    old = auth.token("7")
    await identity.verify(old)
    auth.rotate()
    clock.ahead = 2
    assert (await identity.verify(auth.token("8"))).user_id == "8"
    assert (await identity.verify(old)).user_id == "7"


async def test_callers_during_a_key_fetch_wait_for_it(
    identity: TokenVerifier, auth: FakeAuth, clock: Clock, sidecar: FakeSidecar
) -> None:
    await identity.verify(auth.token("7"))
    auth.rotate()
    clock.ahead = 2
    sidecar.faults.calls.clear()
    callers = await asyncio.gather(*(identity.verify(auth.token(str(n))) for n in range(20)))
    assert [caller.user_id for caller in callers] == [str(n) for n in range(20)]
    assert sidecar.faults.count("invoke") == 1


async def watch(verifier: TokenVerifier) -> None:
    await BackgroundWork("watch", verifier.watch, max_backoff=0.01).run()


async def test_unknown_keys_do_not_cause_a_fetch_each_time(
    identity: TokenVerifier, auth: FakeAuth, sidecar: FakeSidecar
) -> None:
    await identity.verify(auth.token("7"))
    sidecar.faults.calls.clear()
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await identity.verify(FakeAuth().token("7"))
    assert sidecar.faults.count("invoke") == 0


async def test_a_revoked_token_is_refused_after_the_next_refresh(
    identity: TokenVerifier, auth: FakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, other = auth.token("7"), auth.token("7")
    await identity.verify(token)
    watching = asyncio.ensure_future(watch(identity))
    auth.revoke(token)
    async with asyncio.timeout(30):
        while True:
            try:
                await identity.verify(token)
            except Unauthenticated:
                break
            await asyncio.sleep(0.005)
    assert (await identity.verify(other)).user_id == "7"
    watching.cancel()


async def test_a_token_revoked_before_the_start_is_refused_at_once(
    identity: TokenVerifier, auth: FakeAuth
) -> None:
    token = auth.token("7")
    auth.revoke(token)
    with pytest.raises(Unauthenticated):
        await identity.verify(token)


async def test_a_system_at_rest_asks_rarely(
    identity: TokenVerifier, auth: FakeAuth, sidecar: FakeSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REVOCATION_INTERVAL", 0.0)
    watching = asyncio.ensure_future(watch(identity))
    async with asyncio.timeout(30):
        await until(lambda: sidecar.faults.count("invoke") == 3)  # twice at once: then it waits
    for _ in range(100):
        await asyncio.sleep(0)
    assert sidecar.faults.count("invoke") == 3
    watching.cancel()


def test_a_revocation_is_known_within_the_promised_time() -> None:
    assert revocations.READ_CACHE_TTL + module.REVOCATION_INTERVAL < 5


async def test_without_auth_known_revocations_hold_for_a_while(
    identity: TokenVerifier, auth: FakeAuth, sidecar: FakeSidecar, clock: Clock
) -> None:
    token = auth.token("7")
    await identity.verify(token)
    sidecar.network.remove("auth", auth)
    clock.ahead = 100
    assert (await identity.verify(token)).user_id == "7"
    assert (await identity.verify(auth.token("8"))).user_id == "8"
    clock.ahead = 200
    with pytest.raises(Unavailable):
        await identity.verify(token)
    sidecar.network.add("auth", auth)
    assert (await identity.verify(token)).user_id == "7"


async def test_an_outage_of_auth_does_not_invalidate_tokens(
    identity: TokenVerifier, auth: FakeAuth, sidecar: FakeSidecar, clock: Clock
) -> None:
    await identity.verify(auth.token("7"))
    auth.rotate()
    clock.ahead = 2
    sidecar.network.remove("auth", auth)
    for _ in range(2):  # the second time, too, right after a read
        with pytest.raises(Unavailable):
            await identity.verify(auth.token("8"))
    sidecar.network.add("auth", auth)
    assert (await identity.verify(auth.token("8"))).user_id == "8"


async def test_a_malformed_revocation_list_does_not_stop_the_refresh(
    identity: TokenVerifier, auth: FakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = auth.revocations
    answers = [{"nonsense": True}]

    async def broken_once(after: int, wait: float) -> dict[str, Any]:
        return answers.pop() if answers else await real(after, wait)

    monkeypatch.setattr(auth, "revocations", broken_once)
    watching = asyncio.ensure_future(watch(identity))
    token = auth.token("7")
    auth.revoke(token)
    async with asyncio.timeout(30):
        await until(lambda: identity._revoked)
    watching.cancel()


async def test_tokens_of_a_withdrawn_key_are_soon_refused(
    identity: TokenVerifier, auth: FakeAuth, clock: Clock
) -> None:
    old = auth.token("7")
    await identity.verify(old)
    kid = jwt.get_unverified_header(old)["kid"]
    auth.rotate()
    auth.withdraw(kid)
    clock.ahead += module.KEYS_INTERVAL + 1
    watching = asyncio.create_task(watch(identity))
    try:
        await until(lambda: kid not in identity._keys)
    finally:
        watching.cancel()
    with pytest.raises(Unauthenticated):
        await identity.verify(old)
    assert (await identity.verify(auth.token("7"))).user_id == "7"
