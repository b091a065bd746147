"""A state store that says which keys were written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.dapr.state import StateEntry, StateStore, StateUpsert

WriteObserver = Callable[[Sequence[str]], None]
"""Gets the keys of a write, after it was tried."""


class ObservedState:
    """Passes every call on, and gives an observer the keys of every write.

    A write that failed counts too: one whose outcome is unknown may have happened, and on some
    stores a transaction that failed has written some of its keys.
    """

    def __init__(self, state: StateStore, observer: WriteObserver) -> None:
        self._state = state
        self._observer = observer

    async def get(self, key: str) -> StateEntry:
        return await self._state.get(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        return await self._state.get_many(keys)

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None:
        try:
            await self._state.compare_and_set(key, value, etag=etag, ttl=ttl)
        finally:
            self._observer([key])

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        try:
            await self._state.set(key, value, ttl=ttl)
        finally:
            self._observer([key])

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        try:
            await self._state.transact(writes)
        finally:
            self._observer([write.key for write in writes])

    async def delete(self, key: str) -> None:
        try:
            await self._state.delete(key)
        finally:
            self._observer([key])

    async def can_create_in_transactions(self) -> bool:
        return await self._state.can_create_in_transactions()
