"""Documents in the state store, and the envelope in which each is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import orjson
from pydantic import TypeAdapter

from services.chassis.cache import CachedDocument
from services.chassis.dapr.state import StateEntry, StateStore, StateUpsert
from services.chassis.publishing.journal import ChangeMetadata

T = TypeVar("T")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A document as it was read."""

    value: T
    version: int
    etag: str
    change: ChangeMetadata


class Codec(Protocol[T]):
    """Converts a document's value to JSON and back."""

    def load(self, data: Any) -> T: ...

    def dump(self, value: T) -> Any: ...


class _PydanticCodec(Generic[T]):
    """Validates with pydantic on reading; leaves writing to orjson."""

    def __init__(self, model: Any) -> None:
        self.load: Callable[[Any], T] = _validator(model)

    def dump(self, value: T) -> Any:
        return value


@cache
def _validator(model: Any) -> Callable[[Any], Any]:
    """The check of a model's data: it takes milliseconds to build."""
    return TypeAdapter(model).validate_python


class DocumentStore(Generic[T]):
    """Reads and writes single documents of one kind. `Collection` adds how they are changed."""

    def __init__(
        self,
        state: StateStore,
        kind: str,
        model: type[T],
        *,
        upgrades: Mapping[int, Upgrade] | None = None,
        ttl: int | None = None,
        codec: Codec[T] | None = None,
    ) -> None:
        self.kind = kind
        self._state = state
        self._codec: Codec[T] = codec or _PydanticCodec(model)
        self._upgrades = dict(upgrades or {})
        self.schema = max(self._upgrades, default=0) + 1
        self._ttl = ttl

    def key(self, id: str) -> str:
        """The state store key of a document."""
        return f"{self.kind}:{id}"

    async def get(self, id: str) -> T | None:
        """The document, or None. One state call."""
        doc = await self.load(id)
        return doc.value if doc else None

    async def load(self, id: str) -> Document[T] | None:
        """The document with its version and ETag, or None. One state call."""
        return self.decode(await self._state.get(self.key(id)))

    async def get_many(self, ids: Iterable[str]) -> dict[str, T]:
        """The documents that exist, by id. One state call, however many."""
        return {id: doc.value for id, doc in (await self.load_many(ids)).items()}

    async def load_many(self, ids: Iterable[str]) -> dict[str, Document[T]]:
        """Like `get_many`, with versions and ETags."""
        keys = {self.key(id): id for id in ids}
        rows = await self._state.get_many(list(keys))
        docs = {keys[key]: self.decode(entry) for key, entry in rows.items()}
        return {id: doc for id, doc in docs.items() if doc is not None}

    async def compare_and_set(self, id: str, stored: bytes, before: Document[T] | None) -> None:
        """Write what `to_json` gave for the version that follows `before`. See `StateStore`."""
        etag = before.etag if before else ""
        value = orjson.Fragment(stored)
        await self._state.compare_and_set(self.key(id), value, etag=etag, ttl=self._ttl)

    async def upsert(
        self, id: str, stored: bytes, before: Document[T] | None
    ) -> StateUpsert | None:
        """The same write, for a transaction.

        None for a new document, unless a transaction of the store checks that it is absent.
        """
        if self._ttl is not None:
            return None
        value = orjson.Fragment(stored)
        if before is not None:
            return StateUpsert(self.key(id), value, before.etag)
        if await self._state.can_create_in_transactions():
            return StateUpsert(self.key(id), value, is_new=True)
        return None

    async def delete(self, id: str) -> None:
        """Delete a document that is not published; published ones become tombstones instead."""
        await self._state.delete(self.key(id))

    def decode(self, entry: StateEntry) -> Document[T] | None:
        """The document in a stored envelope, upgraded to the current schema."""
        if entry.value is None:
            return None
        envelope: dict[str, Any] = entry.value
        data = envelope["data"]
        for schema in range(envelope["schema"], self.schema):
            data = self._upgrades[schema](data)
        change = ChangeMetadata(**envelope["change"])
        return Document(self._codec.load(data), envelope["version"], entry.etag, change)

    def decode_cached(self, document: CachedDocument) -> T | None:
        """The value of a document in a cache, or None. It is decoded once."""
        found = document.decoded(self.decode)
        return found.value if found else None

    def decode_value(self, data: Any) -> T:
        """A document's value from its JSON, as an `EventMapper` gets it."""
        return self._codec.load(data)

    def to_json(self, value: T, version: int, change: ChangeMetadata) -> bytes:
        """The envelope as JSON: what is stored, and what the event is made of."""
        return orjson.dumps(self.encode(value, version, change))

    def encode(self, value: T, version: int, change: ChangeMetadata) -> dict[str, Any]:
        """The envelope in which a value is stored."""
        return {
            "schema": self.schema,
            "version": version,
            "change": change,
            "data": self._codec.dump(value),
        }


def next_version(before: Document[Any] | None) -> int:
    """The version of the change that follows a document (None: there is none)."""
    return before.version + 1 if before else 1
