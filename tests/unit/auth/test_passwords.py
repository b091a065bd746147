from __future__ import annotations

import asyncio
import ctypes

import psutil
import pytest

from services.auth.adapters import passwords as passwords_module
from services.auth.adapters.passwords import PasswordHasherPool, argon2id
from services.chassis.errors import RateLimited
from tests.fakes import until
from tests.services.auth.harness import cheap


async def test_only_the_password_itself_matches() -> None:
    async with PasswordHasherPool(cheap()) as passwords:
        hashed = await passwords.hash("caf\u00e9 ole")
        assert (await passwords.verify("cafe\u0301 ole", hashed)).matches
        for wrong in ("", "cafe ole", "CAF\u00c9 OLE"):
            assert not (await passwords.verify(wrong, hashed)).matches


async def test_an_empty_hash_never_matches() -> None:
    async with PasswordHasherPool(cheap()) as passwords:
        for guess in ("", "nobody has this password"):
            assert not (await passwords.verify(guess, "")).matches
        assert not (await passwords.verify("x", "not a hash")).matches


async def test_a_full_queue_rejects_work() -> None:
    async with PasswordHasherPool(cheap(), at_once=1, waiting=3) as passwords:
        tries = (passwords.hash("x") for _ in range(10))
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(result, str) for result in results) == 4
        assert sum(isinstance(result, RateLimited) for result in results) == 6
        assert await passwords.hash("x")


def test_the_parameters_follow_owasp() -> None:
    hasher = argon2id()
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (19456, 2, 1)


@pytest.mark.parametrize("cost", [1, 3])
async def test_a_hash_needs_a_rehash_when_the_parameters_changed(cost: int) -> None:
    async with PasswordHasherPool(cheap(1)) as old, PasswordHasherPool(cheap(cost)) as new:
        check = await new.verify("x", await old.hash("x"))
        assert check.matches
        assert check.needs_rehash == (cost != 1)


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="other libraries keep nothing"
)
async def test_the_memory_of_the_last_hashes_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords_module, "IDLE_TIME", 0.01)
    process = psutil.Process()
    async with PasswordHasherPool(argon2id()) as passwords:
        before = process.memory_info().rss
        for _ in range(2):
            await asyncio.gather(*(passwords.hash("x") for _ in range(4)))
        await until(lambda: process.memory_info().rss - before < 2**23, within=20)  # one has 19 MiB
        assert (await passwords.verify("x", await passwords.hash("x"))).matches
