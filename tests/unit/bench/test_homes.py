"""Waiting for homes, on a fake system that digests one post with every look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from rich.progress import Progress

from bench import homes as module
from bench.client import Client, Person
from bench.homes import Homes
from bench.quiet import Gauge

PEOPLE = [Person(str(number), "") for number in range(3)]


class Digesting:
    """Shows one post more in every home each time that one is asked for, up to `most`."""

    def __init__(self, posts: Sequence[str], most: int = 99) -> None:
        self._posts = posts
        self._most = most
        self.asked = 0

    async def home(self, reader: Person, limit: int) -> list[str]:
        self.asked += 1
        return list(self._posts[: min(self.asked, self._most)])[::-1]


class AtRest:
    def is_calm(self) -> bool:
        return True


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> Homes:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    homes = Homes(PEOPLE, [[1, 2], [0, 2], [0, 1]])
    for id in ("5", "6", "7"):
        homes.posted(0, id)
    return homes


async def settle(homes: Homes, system: Digesting) -> list[int]:
    progress = Progress(disable=True)
    return await homes.settle(cast("Client", system), progress, "", cast("Gauge", AtRest()))


async def test_homes_are_awaited_until_all_are_right(homes: Homes) -> None:
    assert await settle(homes, Digesting(["5", "6", "7"])) == []


async def test_homes_that_never_become_right_are_named(homes: Homes) -> None:
    assert await settle(homes, Digesting(["5", "6", "7"], most=2)) == [0, 1, 2]


async def test_a_home_in_the_wrong_order_is_not_right(homes: Homes) -> None:
    assert await settle(homes, Digesting(["7", "6", "5"])) == [0, 1, 2]
