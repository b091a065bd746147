"""A state store that says which keys were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from services.chassis.dapr.state import StateEntry, StateStore, StateUpsert

WriteObserver = Callable[[Mapping[str, Any]], AbstractContextManager[None]]
"""A context for each write. It gets the values by key, `None` for a deletion."""


class ObservedState:
    """Passes every call on. Every write happens within the context of an observer.

    One whose outcome is unknown may have happened, and on some stores a transaction that failed has
    written some of its keys.
    """

    def __init__(self, state: StateStore, writing: WriteObserver) -> None:
        self._state = state
        self._writing = writing

    async def get(self, key: str) -> StateEntry:
        return await self._state.get(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        return await self._state.get_many(keys)

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None:
        with self._writing({key: value}):
            await self._state.compare_and_set(key, value, etag=etag, ttl=ttl)

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        with self._writing({key: value}):
            await self._state.set(key, value, ttl=ttl)

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        with self._writing({write.key: write.value for write in writes}):
            await self._state.transact(writes)

    async def delete(self, key: str) -> None:
        with self._writing({key: None}):
            await self._state.delete(key)

    async def can_create_in_transactions(self) -> bool:
        return await self._state.can_create_in_transactions()
