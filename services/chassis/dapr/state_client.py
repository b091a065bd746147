"""The state store, through the sidecar.

Reads that wait at the same time share a bulk get, and swaps a transaction: a call with twenty keys
costs the sidecar and this process little more than one with one key. They stay independent of each
other: if a key of the transaction has changed, each swap is repeated alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from services.chassis import telemetry, tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.dapr.state import ABSENT, StateEntry, StateUpsert, VersionConflict
from services.chassis.dapr.transport import JSON_BODY, Transport, is_version_conflict
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.metrics import Metrics

STATE_TIMEOUT = 3.0
_PARALLELISM = 20
_MAX_NAMED_KINDS = 4
"""Kinds of keys that the span of a call names."""


@dataclass(frozen=True, slots=True)
class _Swap:
    key: str
    value: orjson.Fragment
    etag: str


@dataclass(slots=True)
class _Row:
    """A row of a bulk get. Everybody who asked for it gets a value of their own."""

    value: Any
    etag: str
    is_taken: bool = False

    def entry(self) -> StateEntry:
        value = orjson.loads(orjson.dumps(self.value)) if self.is_taken else self.value
        self.is_taken = True
        return StateEntry(value, self.etag)


class StateClient(Transport):
    """Reads and writes the component `statestore`; satisfies `StateStore`."""

    def __init__(self, port: int, token: str = "", metrics: Metrics | None = None) -> None:
        super().__init__(port, token, metrics)
        self._reads: CallGroups[tuple[str, ...]] = CallGroups(
            self._read_group, lambda span, keys: _describe(span, "get", keys)
        )
        self._swaps: CallGroups[_Swap] = CallGroups(
            self._swap_group, lambda span, swap: _describe(span, "compare_and_set", (swap.key,))
        )

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    async def get(self, key: str) -> StateEntry:
        """The value of a key, or `ABSENT`."""
        found: dict[str, StateEntry] = await self._reads.submit((key,))
        return found.get(key, ABSENT)

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        """The values of many keys in one call, without keys that do not exist."""
        if not keys:
            return {}
        found: dict[str, StateEntry] = await self._reads.submit(tuple(dict.fromkeys(keys)))
        return found

    async def _read_group(self, group: list[Request[tuple[str, ...]]]) -> None:
        if len(group) == 1 and len(group[0].asked) == 1:
            (key,) = group[0].asked
            entry = await self._read_one(key)
            group[0].succeed({} if entry == ABSENT else {key: entry})
            return
        found, failed = await self._read_many({key for each in group for key in each.asked})
        for each in group:
            if failed.intersection(each.asked):
                each.fail(Unavailable("The state store could not read every key of a bulk get."))
            else:
                each.succeed({key: found[key].entry() for key in each.asked if key in found})

    async def _read_one(self, key: str) -> StateEntry:
        reply = await self._call("GET", _state_path(key), deadline=STATE_TIMEOUT)
        if reply.status == 204 or not reply.body:
            return ABSENT
        return StateEntry(orjson.loads(reply.body), reply.headers.get("Etag", ""))

    async def _read_many(self, keys: set[str]) -> tuple[dict[str, _Row], set[str]]:
        body = orjson.dumps({"keys": list(keys), "parallelism": _PARALLELISM})
        reply = await self._call(
            "POST", "/state/statestore/bulk", deadline=STATE_TIMEOUT, data=body, headers=JSON_BODY
        )
        rows = orjson.loads(reply.body) if reply.body else []
        failed = {row["key"] for row in rows if "error" in row}
        found = {
            row["key"]: _Row(row["data"], row.get("etag", "")) for row in rows if "data" in row
        }
        return found, failed

    # ── writing ─────────────────────────────────────────────────────────────────────────────

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None:
        """Write a key if its ETag matches; an empty ETag means that the key must not exist.

        Raises `VersionConflict`, or `OutcomeUnknown` if the store gave no clear answer. After a
        conflict the caller must read again: its cause may be the caller's own earlier write.
        """
        raw = orjson.dumps(value)
        if etag and ttl is None:  # transactions know no create-if-absent, see docs/dapr-notes.md
            await self._swaps.submit(_Swap(key, orjson.Fragment(raw), etag), len(raw))
        else:
            with _span("compare_and_set", key):
                await self._swap(key, orjson.Fragment(raw), etag, ttl)

    async def _swap_group(self, group: list[Request[_Swap]]) -> None:
        swaps = [each.asked for each in group]
        if len({swap.key for swap in swaps}) > 1:
            try:
                await self._transact([StateUpsert(s.key, s.value, s.etag) for s in swaps])
            except VersionConflict:  # of one key at least; some stores have written the others
                pass
            else:
                for each in group:
                    each.succeed(None)
                return
        await asyncio.gather(*map(self._swap_alone, group))

    async def _swap_alone(self, request: Request[_Swap]) -> None:
        swap = request.asked
        telemetry.resume(request.trace)
        try:
            await self._swap(swap.key, swap.value, swap.etag, None)
        except ServiceError as error:
            request.fail(error)
        else:
            request.succeed(None)

    async def _swap(self, key: str, value: orjson.Fragment, etag: str, ttl: int | None) -> None:
        await self._save(key, value, {"etag": etag} if etag else {}, "first-write", ttl)

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        """Overwrite a key. Only for keys with a single writer that never uses `compare_and_set`."""
        with _span("set", key):
            await self._save(key, value, {}, "last-write", ttl)

    async def _save(
        self, key: str, value: Any, etag: dict[str, str], concurrency: str, ttl: int | None
    ) -> None:
        item: dict[str, Any] = {"key": key, "value": value, **etag}
        item["options"] = {"concurrency": concurrency, "consistency": "strong"}
        if ttl is not None:
            item["metadata"] = {"ttlInSeconds": str(ttl)}
        try:
            await self._call(
                "POST",
                "/state/statestore",
                deadline=STATE_TIMEOUT,
                data=orjson.dumps([item]),
                headers=JSON_BODY,
            )
        except ServiceError as failure:
            if is_version_conflict(failure):
                raise VersionConflict(f"{key} changed since it was read.") from failure
            if failure.status == 409:  # a broken connection, reported as a conflict
                raise OutcomeUnknown(failure.message) from failure
            raise

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        """Write many keys in one call.

        With ETags this is atomic on some stores only: Redis writes the keys whose ETag matches.
        After a `VersionConflict` the caller must read all keys again.
        """
        with tracing.span(tracing.CLIENT) as span:
            if isinstance(span, tracing.Span):
                _describe(span, "transact", [write.key for write in writes])
            await self._transact(writes)

    async def _transact(self, writes: Sequence[StateUpsert]) -> None:
        operations = [
            {
                "operation": "upsert",
                "request": {"key": write.key, "value": write.value}
                | ({"etag": write.etag} if write.etag else {}),
            }
            for write in writes
        ]
        try:
            await self._call(
                "POST",
                "/state/statestore/transaction",
                deadline=STATE_TIMEOUT,
                data=orjson.dumps({"operations": operations}),
                headers=JSON_BODY,
            )
        except ServiceError as failure:
            if is_version_conflict(failure):
                raise VersionConflict(
                    "A key of the transaction changed since it was read."
                ) from failure
            raise

    async def delete(self, key: str) -> None:
        """Delete a key. Published documents are never deleted: they become tombstones."""
        with _span("delete", key):
            await self._call("DELETE", _state_path(key), deadline=STATE_TIMEOUT)


def _state_path(key: str) -> str:
    return f"/state/statestore/{quote(key, safe='')}"


def _span(operation: str, key: str) -> AbstractContextManager[Any]:
    span = tracing.span(tracing.CLIENT)
    if isinstance(span, tracing.Span):
        _describe(span, operation, (key,))
    return span


def _describe(span: tracing.Span, operation: str, keys: Sequence[str]) -> None:
    """Describe a call of the state store. Of keys it says the kinds only."""
    kinds = sorted({key.partition(":")[0] for key in keys})
    span.describe(
        f"{operation} {kinds[0]}" if len(kinds) == 1 else operation,
        {
            "db.system.name": "dapr",
            "db.namespace": "statestore",
            "db.operation.name": operation,
            "db.operation.batch.size": len(keys),
            "db.collection.name": ",".join(kinds[:_MAX_NAMED_KINDS]),
        },
    )
