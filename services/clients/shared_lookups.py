"""Lookups that wait at the same time share one call, as state calls do (docs/decisions/0048)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.errors import OutcomeUnknown, Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

GATHER_DELAY = 0.02
"""Seconds between a call that several lookups shared and the next one. A lone lookup, and lookups
that follow each other, do not wait."""

PATIENCE = 0.25
"""Seconds after which the next lookups no longer wait for a call. Its own lookups do."""


class SharedLookups(Generic[K, V]):
    """Finds values by keys. `ask` gives those of many keys, whoever looks them up.

    A lookup never gets what was read before it began. The values of a call are shared between its
    lookups: they must not be changed.
    """

    def __init__(self, name: str, ask: Callable[[Sequence[K]], Awaitable[dict[K, V]]]) -> None:
        self._name = name
        self._ask = ask
        self._groups: CallGroups[tuple[K, ...]] = CallGroups(
            self._answer, self._describe, max_calls=1, kind=tracing.INTERNAL, patience=PATIENCE
        )

    async def find(self, keys: Iterable[K]) -> dict[K, V]:
        """The values that exist, in the order of the keys. Raises what the call raises."""
        wanted = tuple(dict.fromkeys(keys))
        if not wanted:
            return {}
        found: dict[K, V] = await self._groups.submit(wanted)
        return found

    async def _answer(self, group: list[Request[tuple[K, ...]]]) -> None:
        """Answer a group. What comes meanwhile shares the next call."""
        await self._ask_for(group)
        if len(group) > 1:
            await asyncio.sleep(GATHER_DELAY)

    async def _ask_for(self, group: Sequence[Request[tuple[K, ...]]]) -> None:
        try:
            found = await self._ask([*dict.fromkeys(key for each in group for key in each.asked)])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, OutcomeUnknown | Unavailable):
                # What one of them asked is refused.
                await asyncio.gather(*(self._ask_for([each]) for each in group))
                return
            for each in group:
                each.fail(error)
        else:
            for each in group:
                each.succeed({key: found[key] for key in each.asked if key in found})

    def _describe(self, span: tracing.Span, keys: tuple[K, ...]) -> None:
        span.describe(f"look up {self._name}", {"microgram.keys": len(keys)})
