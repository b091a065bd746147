"""The state store, through the sidecar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson

from services.chassis.dapr.state import ABSENT, StateEntry, StateUpsert, VersionConflict
from services.chassis.dapr.transport import JSON_BODY, Transport, is_version_conflict
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable

STATE_TIMEOUT = 3.0


class StateClient(Transport):
    """Reads and writes the component `statestore`; satisfies `StateStore`."""

    async def get(self, key: str) -> StateEntry:
        """The value of a key, or `ABSENT`."""
        reply = await self._call("GET", _state_path(key), deadline=STATE_TIMEOUT)
        if reply.status == 204 or not reply.body:
            return ABSENT
        return StateEntry(orjson.loads(reply.body), reply.headers.get("Etag", ""))

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        """The values of many keys in one call, without keys that do not exist."""
        if not keys:
            return {}
        body = orjson.dumps({"keys": list(dict.fromkeys(keys)), "parallelism": 20})
        reply = await self._call(
            "POST", "/state/statestore/bulk", deadline=STATE_TIMEOUT, data=body, headers=JSON_BODY
        )
        rows = orjson.loads(reply.body) if reply.body else []
        if any("error" in row for row in rows):
            raise Unavailable("The state store could not read every key of a bulk get.")
        return {
            row["key"]: StateEntry(row["data"], row.get("etag", ""))
            for row in rows
            if "data" in row
        }

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None:
        """Write a key if its ETag matches; an empty ETag means that the key must not exist.

        Raises `VersionConflict`, or `OutcomeUnknown` if the store gave no clear answer. After a
        conflict the caller must read again: its cause may be the caller's own earlier write.
        """
        await self._save(key, value, {"etag": etag} if etag else {}, "first-write", ttl)

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        """Overwrite a key. Only for keys with a single writer that never uses `compare_and_set`."""
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
        await self._call("DELETE", _state_path(key), deadline=STATE_TIMEOUT)


def _state_path(key: str) -> str:
    return f"/state/statestore/{quote(key, safe='')}"
