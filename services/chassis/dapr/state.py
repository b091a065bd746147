"""The port of the state store, and its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.chassis.errors import ServiceError


class VersionConflict(ServiceError):
    """The document changed, or was created, since it was read."""

    status, code = 409, "conflict"


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A parsed value with its ETag; see `ABSENT` for a key that does not exist."""

    value: Any
    etag: str


ABSENT = StateEntry(None, "")


@dataclass(frozen=True, slots=True)
class StateUpsert:
    """One write of a transaction. Without an ETag it overwrites any value. `ttl` is in seconds.

    With `is_new` the key must not exist: only for stores that can create in transactions.
    """

    key: str
    value: Any
    etag: str = ""
    ttl: int | None = None
    is_new: bool = False


class StateStore(Protocol):
    """The port: the sidecar's state store, or a fake that passes the same contract suite."""

    async def get(self, key: str) -> StateEntry: ...

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]: ...

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None: ...

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None: ...

    async def transact(self, writes: Sequence[StateUpsert]) -> None: ...

    async def delete(self, key: str) -> None: ...

    async def can_create_in_transactions(self) -> bool: ...
