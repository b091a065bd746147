from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.chassis.errors import Invalid, Unavailable
from services.clients import shared_lookups
from services.clients.shared_lookups import SharedLookups
from tests.fakes import until


class Squares:
    """Finds the squares of even numbers, when its gate is open. It refuses negative ones."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_down = False
        self.lookups = SharedLookups("squares", self._ask)

    async def _ask(self, keys: Sequence[int]) -> dict[int, int]:
        self.asked.append([*keys])
        await self.gate.wait()
        if self.is_down:
            raise Unavailable("not now")
        if min(keys) < 0:
            raise Invalid("negative")
        return {key: key * key for key in reversed(keys) if key % 2 == 0}


async def settle() -> None:
    """Let what waits for nothing else run."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def squares() -> Squares:
    return Squares()


async def test_who_looks_up_gets_what_exists_in_the_order_of_the_keys(squares: Squares) -> None:
    found = await squares.lookups.find([6, 3, 2, 6])
    assert [*found.items()] == [(6, 36), (2, 4)]
    assert squares.asked == [[6, 3, 2]]


async def test_nobody_is_called_for_nothing(squares: Squares) -> None:
    assert await squares.lookups.find([]) == {}
    assert squares.asked == []


async def test_lookups_at_the_same_time_share_a_call(squares: Squares) -> None:
    first, second = await asyncio.gather(squares.lookups.find([2, 4]), squares.lookups.find([4, 8]))
    assert (first, second) == ({2: 4, 4: 16}, {4: 16, 8: 64})
    assert squares.asked == [[2, 4, 8]]


async def test_a_lookup_never_gets_what_was_read_before_it_began(squares: Squares) -> None:
    squares.gate.clear()
    lookups = []
    for _ in range(4):
        lookups.append(asyncio.ensure_future(squares.lookups.find([2])))
        await settle()
    assert squares.asked == [[2]]
    squares.gate.set()
    assert await asyncio.gather(*lookups) == [{2: 4}] * 4
    assert squares.asked == [[2]] * 2


async def test_after_a_shared_call_the_next_lookups_are_gathered(
    squares: Squares, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_lookups, "GATHER_DELAY", 0.2)
    await asyncio.gather(squares.lookups.find([2]), squares.lookups.find([4]))
    first = asyncio.ensure_future(squares.lookups.find([6]))
    await settle()
    second = squares.lookups.find([8])
    assert [*await asyncio.gather(first, second)] == [{6: 36}, {8: 64}]
    assert squares.asked == [[2, 4], [6, 8]]


async def test_lookups_that_follow_each_other_do_not_wait(
    squares: Squares, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_lookups, "GATHER_DELAY", 3_600)
    for n in (2, 4, 6):
        assert await squares.lookups.find([n]) == {n: n * n}


async def test_a_call_that_hangs_delays_only_its_own_lookups(squares: Squares) -> None:
    squares.gate.clear()
    hanging = asyncio.ensure_future(squares.lookups.find([2]))
    await until(lambda: squares.asked)
    squares.gate = asyncio.Event()
    squares.gate.set()
    assert await squares.lookups.find([4]) == {4: 16}
    assert not hanging.done()
    hanging.cancel()


async def test_a_refused_key_fails_only_who_asked_for_it(squares: Squares) -> None:
    good, bad = await asyncio.gather(
        squares.lookups.find([2]), squares.lookups.find([-1]), return_exceptions=True
    )
    assert good == {2: 4}
    assert isinstance(bad, Invalid)


async def test_a_callee_that_is_down_is_called_once_for_all(squares: Squares) -> None:
    squares.is_down = True
    failed = await asyncio.gather(*map(squares.lookups.find, ([2], [4])), return_exceptions=True)
    assert [type(each) for each in failed] == [Unavailable, Unavailable]
    assert squares.asked == [[2, 4]]
