"""Waiting for homes, on a fake system that digests one post with every look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from rich.progress import Progress

from bench import home_verifier as module
from bench.api_client import BenchClient, BenchPerson
from bench.home_verifier import HomeVerifier
from bench.idle import IdleDetector

PEOPLE = [BenchPerson(str(number), "") for number in range(3)]


class DelayedHomes:
    """Shows one post more in every home each time that one is asked for, up to `most`."""

    def __init__(self, posts: Sequence[str], most: int = 99) -> None:
        self._posts = posts
        self._most = most
        self.asked = 0

    async def home(self, reader: BenchPerson, limit: int) -> list[str]:
        self.asked += 1
        return list(self._posts[: min(self.asked, self._most)])[::-1]


class AlwaysIdle:
    def is_idle(self) -> bool:
        return True


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> HomeVerifier:
    monkeypatch.setattr(module, "_POLL_INTERVAL", 0.0)
    monkeypatch.setattr(module, "_STALL_TIMEOUT", 0.05)
    homes = HomeVerifier(PEOPLE, [[1, 2], [0, 2], [0, 1]])
    for id in ("5", "6", "7"):
        homes.record_post(0, id)
    return homes


async def settle(homes: HomeVerifier, system: DelayedHomes) -> list[int]:
    progress = Progress(disable=True)
    return await homes.wait_until_complete(
        cast("BenchClient", system), progress, "", cast("IdleDetector", AlwaysIdle())
    )


async def test_home_timelines_are_awaited_until_all_are_complete(homes: HomeVerifier) -> None:
    assert await settle(homes, DelayedHomes(["5", "6", "7"])) == []


async def test_home_timelines_that_stay_incomplete_are_returned(homes: HomeVerifier) -> None:
    assert await settle(homes, DelayedHomes(["5", "6", "7"], most=2)) == [0, 1, 2]


async def test_a_home_timeline_in_the_wrong_order_is_incomplete(homes: HomeVerifier) -> None:
    assert await settle(homes, DelayedHomes(["7", "6", "5"])) == [0, 1, 2]
