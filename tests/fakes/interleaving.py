"""Runs commands concurrently, step by step: every sidecar call is a switching point.

    both = await Interleaving(sidecars, choices).run(command, other)

Each call of these sidecars waits until nothing else in the process can go on, and then one of those
that wait is let through: the first, the second…, as the choices say. So the same choices give the
same interleaving.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from types import SimpleNamespace
from typing import TypeVar
from unittest import mock

from tests.fakes.faults import Call, Faults
from tests.fakes.sidecar import FakeSidecar

T = TypeVar("T")

_NO_PAUSE = SimpleNamespace(uniform=lambda *_: 0.0)
"""Replaces the random delay before a retry after a version conflict."""


class Interleaving:
    """One interleaving of commands over the sidecars of one or many replicas.

    When the choices have come to an end, the call that waits longest goes first.
    """

    def __init__(self, sidecars: Sequence[FakeSidecar], choices: Sequence[int]) -> None:
        self._lines: list[Faults] = [
            line for sidecar in sidecars for line in (sidecar.state.faults, sidecar.faults)
        ]
        self._choices: Iterator[int] = iter(choices)
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self, *commands: Awaitable[T]) -> list[T]:
        """Run commands concurrently; background work that they start is left alone."""
        for line in self._lines:
            line.before.append(self._wait)
        try:
            with mock.patch("services.chassis.storage.commit.random", _NO_PAUSE):
                both = asyncio.gather(*commands)
                while not both.done():
                    await self._settled()
                    self._let_one_through()
                return await both
        finally:
            for line in self._lines:
                line.before.remove(self._wait)
            for turn in self._waiting:
                if not turn.done():
                    turn.set_result(None)

    async def _wait(self, _: Call) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    async def _settled(self) -> None:
        """Wait until everything in this process waits for a held call or for time."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        while ready:  # noqa: ASYNC110 (there is no event for this)
            await asyncio.sleep(0)
        if not self._waiting:
            await asyncio.sleep(0.001)

    def _let_one_through(self) -> None:
        self._waiting = [turn for turn in self._waiting if not turn.done()]
        if self._waiting:
            self._waiting.pop(next(self._choices, 0) % len(self._waiting)).set_result(None)
