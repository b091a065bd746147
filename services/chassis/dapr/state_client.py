"""The state store, through the sidecar.

Reads that wait at the same time share a bulk get, writes a transaction, and so do deletions: a call
with twenty keys costs the sidecar and this process little more than one with one key. They stay
independent of each other: if a key of the call has changed, its write fails, and the others are
repeated. Where a transaction does not check that a new key is absent, creations share a bulk save.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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

_TRIAL_TTL = 60
"""Seconds after which the key is gone by which a store was tried, if it could not be deleted."""

MAX_WRITING_CALLS = 1
"""Calls in flight of creations, and of other writes. Stores write one after another anyway, so what
comes meanwhile rather shares the next call."""

_MAX_SHARED_ATTEMPTS = 2
"""How often writes are tried together. After a conflict the keys are read, and those writes that
still may succeed are tried once more."""

MAX_SHARED_WRITES = 8
"""Writes of a transaction that may share a call with others. A larger one would be repeated for
their conflicts."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A write of one key. `value` is JSON; without it the key is deleted.

    Without an ETag the key is overwritten; a creation fails if it exists.
    """

    key: str
    value: bytes | None
    etag: str = ""
    ttl: int | None = None
    is_creation: bool = False

    def may_follow(self, found: Mapping[str, _Row]) -> bool:
        """Whether the key is as this write expects it, among keys that were read."""
        row = found.get(self.key)
        if self.is_creation:
            return row is None
        return not self.etag or (row is not None and row.etag == self.etag)

    @property
    def name(self) -> str:
        """The name of the operation."""
        if self.value is None:
            return "delete"
        return "compare_and_set" if self.etag or self.is_creation else "set"

    @property
    def item(self) -> dict[str, Any]:
        """The item of a save."""
        concurrency = "last-write" if self.name == "set" else "first-write"
        options = {"concurrency": concurrency, "consistency": "strong"}
        return {**self._fields, "options": options}

    @property
    def operation(self) -> dict[str, Any]:
        """The operation of a transaction."""
        if self.value is None:
            return {"operation": "delete", "request": {"key": self.key}}
        if self.is_creation:
            return {"operation": "upsert", "request": self.item}
        return {"operation": "upsert", "request": self._fields}

    @property
    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"key": self.key, "value": orjson.Fragment(self.value or b"")}
        if self.etag:
            fields["etag"] = self.etag
        if self.ttl is not None:
            fields["metadata"] = {"ttlInSeconds": str(self.ttl)}
        return fields


_Writes = Sequence[_Write]
"""What one caller writes: one key, or the few of a small transaction."""


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
        self._creates_in_transactions: bool | None = None
        self._trial: asyncio.Task[bool | None] | None = None
        self._reads: CallGroups[tuple[str, ...]] = CallGroups(
            self._read_group, lambda span, keys: _describe(span, "get", keys)
        )
        self._creations: CallGroups[_Writes] = CallGroups(
            partial(self._write_group, self._save), _describe_writes, MAX_WRITING_CALLS
        )
        # The journal asks for a document and its entry one turn after documents without one.
        self._writes: CallGroups[_Writes] = CallGroups(
            partial(self._write_group, self._transact),
            _describe_writes,
            MAX_WRITING_CALLS,
            extra_turns=1,
        )
        # By themselves: after a conflict a deletion would be repeated, perhaps of something new.
        self._deletions: CallGroups[_Writes] = CallGroups(
            partial(self._write_group, self._transact), _describe_writes, MAX_WRITING_CALLS
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
        in_transaction = etag or await self.can_create_in_transactions()
        calls = self._writes if in_transaction else self._creations
        await _submit(calls, [_Write(key, orjson.dumps(value), etag, ttl, is_creation=not etag)])

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        """Overwrite a key. Only for keys with a single writer that never uses `compare_and_set`."""
        await _submit(self._writes, [_Write(key, orjson.dumps(value), ttl=ttl)])

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        """Write many keys in one call.

        With ETags this is atomic on some stores only: Redis writes the keys whose ETag matches.
        After a `VersionConflict` the caller must read all keys again.
        """
        upserts = [
            _Write(w.key, orjson.dumps(w.value), w.etag, w.ttl, is_creation=w.is_new)
            for w in writes
        ]
        if len(upserts) <= MAX_SHARED_WRITES:
            await _submit(self._writes, upserts)
            return
        with tracing.span(tracing.CLIENT) as span:
            if isinstance(span, tracing.Span):
                _describe_writes(span, upserts)
            await self._transact(upserts)

    async def delete(self, key: str) -> None:
        """Delete a key. Published documents are never deleted: they become tombstones."""
        await _submit(self._deletions, [_Write(key, None)])

    async def can_create_in_transactions(self) -> bool:
        """Whether a transaction checks that a new key is absent. The store is tried once.

        Where it does, a bulk save of many keys is many transactions, which wait for each other.
        """
        if self._creates_in_transactions is None:
            if self._trial is None or self._trial.done():
                self._trial = asyncio.create_task(self._try_creation())
            self._creates_in_transactions = await asyncio.shield(self._trial)
        return bool(self._creates_in_transactions)

    async def _try_creation(self) -> bool | None:
        """Create a key that exists, in a transaction; None if the store does not answer."""
        key = f"trial:{secrets.token_hex(8)}"
        try:
            await self._save([_Write(key, b"1", ttl=_TRIAL_TTL)])
            try:
                await self._transact([_Write(key, b"2", ttl=_TRIAL_TTL, is_creation=True)])
            except VersionConflict:
                return True
            finally:
                await self._call("DELETE", _state_path(key), deadline=STATE_TIMEOUT)
        except ServiceError:
            return None
        return False

    async def _write_group(
        self, run: Callable[[_Writes], Awaitable[None]], group: list[Request[_Writes]]
    ) -> None:
        together, alone = _without_common_keys(group)
        if len(together) > 1:
            together = await self._write_together(run, together)
        await asyncio.gather(*map(self._write_alone, together))
        await asyncio.gather(*map(self._write_alone, alone))

    async def _write_together(
        self, run: Callable[[_Writes], Awaitable[None]], group: list[Request[_Writes]]
    ) -> list[Request[_Writes]]:
        """Write all that no conflict stands against. Returns what must be written one by one."""
        for attempt in range(_MAX_SHARED_ATTEMPTS):
            if not group:
                break
            try:
                await run([write for request in group for write in request.asked])
            except VersionConflict:  # of one key at least; some stores have written the others
                group = await self._without_conflicts(group)
            except Unavailable as error:
                if attempt:  # the first has written some of them, perhaps
                    raise OutcomeUnknown(error.message) from error
                raise
            else:
                for request in group:
                    request.succeed(None)
                return []
        return group

    async def _without_conflicts(self, group: list[Request[_Writes]]) -> list[Request[_Writes]]:
        """The requests whose keys are as expected. The others fail with `VersionConflict`."""
        try:
            found, failed = await self._read_many({w.key for each in group for w in each.asked})
        except ServiceError:
            return group
        kept: list[Request[_Writes]] = []
        for request in group:
            changed = [write.key for write in request.asked if not write.may_follow(found)]
            if changed and not failed:
                request.fail(VersionConflict(f"{changed[0]} changed since it was read."))
            else:
                kept.append(request)
        return kept

    async def _write_alone(self, request: Request[_Writes]) -> None:
        writes = request.asked
        telemetry.resume(request.trace)
        try:
            if len(writes) > 1:
                await self._transact(writes)
            elif writes[0].value is None:
                path = _state_path(writes[0].key)
                await self._call("DELETE", path, deadline=STATE_TIMEOUT)
            else:
                await self._save(writes)
        except ServiceError as error:
            request.fail(error)
        else:
            request.succeed(None)

    async def _save(self, writes: _Writes) -> None:
        """Save each key by itself, all in one call."""
        await self._post("/state/statestore", [write.item for write in writes], writes)

    async def _transact(self, writes: _Writes) -> None:
        operations = [write.operation for write in writes]
        await self._post("/state/statestore/transaction", {"operations": operations}, writes)

    async def _post(self, path: str, body: Any, writes: _Writes) -> None:
        data = orjson.dumps(body)
        try:
            await self._call("POST", path, deadline=STATE_TIMEOUT, data=data, headers=JSON_BODY)
        except ServiceError as failure:
            if is_version_conflict(failure):
                keys = ", ".join(write.key for write in writes[:3])
                raise VersionConflict(f"{keys} changed since it was read.") from failure
            if failure.status == 409:  # a broken connection, reported as a conflict
                raise OutcomeUnknown(failure.message) from failure
            raise


def _without_common_keys(
    group: list[Request[_Writes]],
) -> tuple[list[Request[_Writes]], list[Request[_Writes]]]:
    """The requests of a group, and apart from them those with keys of earlier ones."""
    keys: set[str] = set()
    first: list[Request[_Writes]] = []
    others: list[Request[_Writes]] = []
    for request in group:
        own = {write.key for write in request.asked}
        (first if keys.isdisjoint(own) else others).append(request)
        keys |= own
    return first, others


async def _submit(calls: CallGroups[_Writes], writes: _Writes) -> None:
    await calls.submit(writes, sum(len(write.value or b"") for write in writes))


def _state_path(key: str) -> str:
    return f"/state/statestore/{quote(key, safe='')}"


def _describe_writes(span: tracing.Span, writes: _Writes) -> None:
    _describe(span, writes[0].name if len(writes) == 1 else "transact", [w.key for w in writes])


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
