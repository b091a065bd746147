"""A state store in memory that behaves like the sidecar's, on Redis or SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from services.chassis.dapr.state import ABSENT, StateEntry, StateUpsert, VersionConflict
from tests.fakes.faults import Call, Faults


@dataclass(slots=True)
class _Row:
    raw: bytes
    etag: str
    first_write: bool


class FakeState:
    """Implements `StateStore`. Values pass through JSON; a time to live is ignored.

    `like="redis"` has its traps: a stale ETag in a transaction fails its own key only, create-if-
    absent overwrites what was saved plainly and is not known in transactions, and a stale ETag
    brings a deleted key back.
    `like="sqlite"` has none of them. `replica()` is the same data as another process sees it, with
    faults of its own.
    """

    def __init__(self, like: str = "sqlite") -> None:
        self.faults = Faults()
        self._redis = like == "redis"
        self._rows: dict[str, _Row] = {}
        self._etags = count(1)

    def replica(self) -> FakeState:
        """Return a connection of another process to this store."""
        other = FakeState("redis" if self._redis else "sqlite")
        other._rows, other._etags = self._rows, self._etags
        return other

    def peek(self, key: str) -> Any:
        """Return the current value of a key, or None; not counted as a call."""
        row = self._rows.get(key)
        return orjson.loads(row.raw) if row else None

    def edit(self, key: str, **fields: Any) -> None:
        """Change fields of a document as it is stored, past its service; not counted as a call."""
        document = self.peek(key)
        document["data"] |= fields
        self._rows[key].raw = orjson.dumps(document)

    def keys(self, prefix: str = "") -> list[str]:
        """Return all keys with a prefix."""
        return [key for key in self._rows if key.startswith(prefix)]

    async def get(self, key: str) -> StateEntry:
        return await self.faults.around(Call("get", (key,)), lambda: self._get(key))

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        if not keys:
            return {}
        return await self.faults.around(
            Call("get_many", tuple(keys)),
            lambda: {key: self._get(key) for key in dict.fromkeys(keys) if key in self._rows},
        )

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None:
        raw = orjson.dumps(value)
        await self.faults.around(
            Call("compare_and_set", (key,)), lambda: self._save(key, raw, etag)
        )

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        raw = orjson.dumps(value)
        await self.faults.around(Call("set", (key,)), lambda: self._put(key, raw))

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        raws = [(write, orjson.dumps(write.value)) for write in writes]
        keys = tuple(write.key for write in writes)
        call = Call("transact", keys)
        await self.faults.around(call, lambda: self._transact(raws), _parts_of_commit(keys))

    async def can_create_in_transactions(self) -> bool:
        return not self._redis

    async def delete(self, key: str) -> None:
        await self.faults.around(Call("delete", (key,)), lambda: self._delete(key))

    # ── what happens to the data ────────────────────────────────────────────────────────────

    def _get(self, key: str) -> StateEntry:
        row = self._rows.get(key)
        return StateEntry(orjson.loads(row.raw), row.etag) if row else ABSENT

    def _holds(self, key: str, etag: str) -> bool:
        row = self._rows.get(key)
        if row is None:
            return not etag or self._redis
        if not etag:
            return self._redis and not row.first_write
        return row.etag == etag

    def _save(self, key: str, raw: bytes, etag: str) -> None:
        if not self._holds(key, etag):
            raise VersionConflict(f"{key} changed since it was read.")
        self._rows[key] = _Row(raw, str(next(self._etags)), first_write=True)

    def _put(self, key: str, raw: bytes) -> None:
        first_write = key in self._rows and self._rows[key].first_write
        self._rows[key] = _Row(raw, str(next(self._etags)), first_write)

    def _transact(self, raws: Sequence[tuple[StateUpsert, bytes]]) -> None:
        checked = [w for w, _ in raws if w.etag or (w.is_new and not self._redis)]
        stale = [w.key for w in checked if not self._holds(w.key, w.etag)]
        for write, raw in raws:
            if write.key not in stale and (self._redis or not stale):
                self._put(write.key, raw)
        if stale:
            raise VersionConflict("A key of the transaction was changed.")

    def _delete(self, key: str) -> None:
        self._rows.pop(key, None)


def _parts_of_commit(keys: tuple[str, ...]) -> list[Call]:
    """Return the calls in a transaction of documents with their journal entry; else none."""
    if not keys or not keys[0].startswith("journal:"):
        return []
    return [Call("set", keys[:1]), *(Call("compare_and_set", (key,)) for key in keys[1:])]
