"""Lookups that wait at the same time share one call, as state calls do (docs/decisions/0047)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_CALLS = 2
"""Calls in flight. A callee that hangs delays the others by at most its own deadline."""


class SharedLookups(Generic[K, V]):
    """Finds values by keys. `ask` gives those of many keys, whoever looks them up.

    A lookup never gets what was read before it began. The values of a call are shared between its
    lookups: they must not be changed.
    """

    def __init__(self, name: str, ask: Callable[[Sequence[K]], Awaitable[dict[K, V]]]) -> None:
        self._name = name
        self._ask = ask
        self._groups: CallGroups[tuple[K, ...]] = CallGroups(
            self._answer, self._describe, MAX_CALLS, kind=tracing.INTERNAL
        )

    async def find(self, keys: Iterable[K]) -> dict[K, V]:
        """The values that exist, in the order of the keys. Raises what the call raises."""
        wanted = tuple(dict.fromkeys(keys))
        if not wanted:
            return {}
        found: dict[K, V] = await self._groups.submit(wanted)
        return found

    async def _answer(self, group: list[Request[tuple[K, ...]]]) -> None:
        try:
            found = await self._ask([*dict.fromkeys(key for each in group for key in each.asked)])
        except (OutcomeUnknown, Unavailable):  # it would fail for each of them
            raise
        except ServiceError:
            if len(group) == 1:
                raise
            await asyncio.gather(*map(self._answer_alone, group))  # what one asked was refused
            return
        for each in group:
            each.succeed({key: found[key] for key in each.asked if key in found})

    async def _answer_alone(self, request: Request[tuple[K, ...]]) -> None:
        try:
            await self._answer([request])
        except ServiceError as error:
            request.fail(error)

    def _describe(self, span: tracing.Span, keys: tuple[K, ...]) -> None:
        span.describe(f"look up {self._name}", {"microgram.keys": len(keys)})
