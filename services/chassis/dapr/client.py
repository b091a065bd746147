"""The Dapr sidecar: the only way out of a service, over one long-lived HTTP session.

Every call has a deadline, carries the trace on, and fails as one of four kinds that a caller can
act on: *refused* (a `ServiceError` with the status of the one who said no), `VersionConflict`
(compare-and-swap lost), `Unavailable` (nothing happened, try again) and `OutcomeUnknown` (it may
have happened).

Why HTTP with aiohttp and not the SDK: on two cores it costs a third of the caller's CPU on
invocation and state, and is never slower by more than a few percent (docs/decisions/0001).
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from services.chassis.dapr.state import ABSENT, StateEntry, StateUpsert, VersionConflict
from services.chassis.dapr.transport import InvocationResponse, Transport, is_version_conflict
from services.chassis.errors import (
    NotFound,
    OutcomeUnknown,
    ServiceError,
    Unavailable,
)

STATE_TIMEOUT = 3.0
INVOKE_TIMEOUT = 10.0
PUBLISH_TIMEOUT = 5.0
BLOB_TIMEOUT = 20.0
MAIL_TIMEOUT = 40.0

_NOT_MAILED = re.compile(r"(^|: )[45]\d\d[ -]|dial tcp|find output binding", re.IGNORECASE)
"""A mail server's refusal, or that none was reached."""


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """The types of actors that a sidecar hosts, and whether it reaches what these need.

    Its workflow engine is made of actors. A scheduler that goes away later is still said to be
    there (1.18).
    """

    types: list[str]
    has_placement: bool = True
    has_scheduler: bool = True


class DaprClient(Transport):
    """A client of this service's own sidecar; satisfies `StateStore` and `Publisher`.

    Fixed component names are all it knows of what stands behind: `statestore`, `pubsub`,
    `secretstore`, `blobs`, `mail`.
    """

    pauses: tuple[float, ...] = (0.1, 0.4)
    """Seconds between the tries of an invocation that did not reach the callee."""

    def __init__(self, port: int, token: str = "") -> None:
        super().__init__(port, token)
        self._mailing = asyncio.Lock()

    # ── invocation ──────────────────────────────────────────────────────────────────────────

    async def invoke(
        self,
        app: str,
        path: str,
        *,
        method: str = "GET",
        token: str = "",
        json: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = INVOKE_TIMEOUT,
    ) -> InvocationResponse:
        """Call a route of another service, as the user whose token is given.

        A callee that cannot be reached is asked again twice, since nothing happened. Raises the
        callee's own `ServiceError`, `Unavailable` or `OutcomeUnknown`.
        """
        # The sidecar would hand on a `dapr-caller-app-id` beside the one that it sets itself.
        sent = {k: v for k, v in (headers or {}).items() if not k.lower().startswith("dapr-")}
        if token:
            sent["authorization"] = f"Bearer {token}"
        if json is not None:
            data = orjson.dumps(json)
            sent["content-type"] = "application/json"
        url = f"/invoke/{app}/method/{path.lstrip('/')}"
        for pause in (*self.pauses, None):
            try:
                return await self._call(
                    method, url, deadline=deadline, data=data, params=params, headers=sent
                )
            except Unavailable:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def is_ready(self) -> bool:
        """Whether the sidecar is up and its components are loaded."""
        try:
            await self._call("GET", "/healthz/outbound", deadline=1.0)
        except ServiceError:
            return False
        return True

    async def actors(self) -> ActorStatus:
        """What the sidecar says of its actors."""
        said = (await self._call("GET", "/metadata", deadline=1.0)).json()
        runtime = said.get("actorRuntime") or {}
        return ActorStatus(
            types=[actor["type"] for actor in runtime.get("activeActors") or []],
            has_placement=runtime.get("placement") == "placement: connected",
            has_scheduler=bool((said.get("scheduler") or {}).get("connected_addresses")),
        )

    async def shut_down(self) -> None:
        """Have the sidecar end; whoever watches over it starts it anew."""
        await self._call("POST", "/shutdown", deadline=1.0)

    # ── state ───────────────────────────────────────────────────────────────────────────────

    async def get(self, key: str) -> StateEntry:
        """One value; `ABSENT` where there is none."""
        reply = await self._call("GET", _state_path(key), deadline=STATE_TIMEOUT)
        if reply.status == 204 or not reply.body:
            return ABSENT
        return StateEntry(orjson.loads(reply.body), reply.headers.get("Etag", ""))

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        """Many values in one call; keys that are not there are left out."""
        if not keys:
            return {}
        body = orjson.dumps({"keys": list(dict.fromkeys(keys)), "parallelism": 20})
        reply = await self._call(
            "POST", "/state/statestore/bulk", deadline=STATE_TIMEOUT, data=body, headers=_JSON
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
        """Compare and swap one value; an empty ETag means that it must not be there yet.

        Raises `VersionConflict` or, where the store did not say, `OutcomeUnknown`. A conflict may
        hide an own earlier write, or a connection error: whoever gets one reads again before
        deciding.
        """
        await self._save(key, value, {"etag": etag} if etag else {}, "first-write", ttl)

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        """Overwrite one value. Only for keys that have a single writer and never see `save`."""
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
                headers=_JSON,
            )
        except ServiceError as failure:
            if is_version_conflict(failure):
                raise VersionConflict(f"{key} was changed by somebody else.") from failure
            if failure.status == 409:  # a broken connection in a conflict's clothes
                raise OutcomeUnknown(failure.message) from failure
            raise

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        """Write many keys in one call.

        With ETags this is atomic on some stores and not on others (Redis commits the keys whose
        ETag holds): a caller that gets `VersionConflict` reads all of them again.
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
                headers=_JSON,
            )
        except ServiceError as failure:
            if is_version_conflict(failure):
                raise VersionConflict("Some keys of a transaction were changed.") from failure
            raise

    async def delete(self, key: str) -> None:
        """Remove a key. Never for published documents: those end as tombstones."""
        await self._call("DELETE", _state_path(key), deadline=STATE_TIMEOUT)

    # ── publishing ──────────────────────────────────────────────────────────────────────────

    async def publish(self, topic: str, events: Sequence[dict[str, Any]]) -> None:
        """Hand CloudEvents to the broker; raises if it did not take every one of them."""
        if len(events) == 1:
            await self._call(
                "POST",
                f"/publish/pubsub/{topic}",
                deadline=PUBLISH_TIMEOUT,
                data=orjson.dumps(events[0]),
                headers=_CLOUD_EVENT,
            )
            return
        entries = [
            {"entryId": str(i), "event": event, "contentType": "application/cloudevents+json"}
            for i, event in enumerate(events)
        ]
        await self._call(
            "POST",
            f"/publish/bulk/pubsub/{topic}",
            deadline=PUBLISH_TIMEOUT,
            data=orjson.dumps(entries),
            headers=_JSON,
        )

    # ── secrets and blobs ───────────────────────────────────────────────────────────────────

    async def secret(self, name: str) -> str:
        """One secret from the secret store; raises `NotFound` where it has none of that name."""
        path = f"/secrets/secretstore/{quote(name, safe='')}"
        try:
            values: dict[str, str] = (await self._call("GET", path, deadline=STATE_TIMEOUT)).json()
        except ServiceError as failure:
            if f"secret {name} not found" in failure.message:  # the local store's plain 500
                raise NotFound(f"The secret store has no secret «{name}».") from failure
            raise
        if name not in values:
            raise NotFound(f"The secret store has no secret «{name}».")
        return values[name]

    async def put_blob(self, name: str, data: bytes) -> None:
        """Keep bytes under a name."""
        encoded = base64.b64encode(data).decode()
        await self._binding("create", name, encoded)

    async def get_blob(self, name: str) -> bytes:
        """The bytes under a name; raises `NotFound`."""
        return (await self._binding("get", name)).body

    async def delete_blob(self, name: str) -> None:
        """Forget the bytes under a name; no error where there are none."""
        try:
            await self._binding("delete", name)
        except NotFound:
            return

    async def _binding(
        self, operation: str, name: str, data: str | None = None
    ) -> InvocationResponse:
        body: dict[str, Any] = {"operation": operation, "metadata": {"fileName": name}}
        if data is not None:
            body["data"] = data
            body["metadata"]["decodeBase64"] = "true"
        try:
            return await self._call(
                "POST",
                "/bindings/blobs",
                deadline=BLOB_TIMEOUT,
                data=orjson.dumps(body),
                headers=_JSON,
            )
        except ServiceError as failure:
            # Bindings have no code for «not there»; the local one says it in words.
            if "not found" in failure.message.lower() or "no such file" in failure.message.lower():
                raise NotFound(f"There is no blob «{name}».") from failure
            raise

    # ── mail ────────────────────────────────────────────────────────────────────────────────

    async def send_mail(self, to: str, subject: str, html: str) -> None:
        """Send a mail through the binding `mail`, one at a time.

        Raises `Unavailable` where it was surely not sent, `OutcomeUnknown` where nobody can tell.
        The SMTP binding keeps the headers of a request for the next one, and of two at once mixes
        them up (docs/dapr-notes.md): so all headers are given each time, and no two at once.
        """
        body = {
            "operation": "create",
            "metadata": {"emailTo": to, "subject": subject},
            "data": html,
        }
        async with self._mailing:
            try:
                await self._call(
                    "POST",
                    "/bindings/mail",
                    deadline=MAIL_TIMEOUT,
                    data=orjson.dumps(body),
                    headers=_JSON,
                )
            except OutcomeUnknown as failure:
                if _NOT_MAILED.search(failure.message):
                    raise Unavailable(failure.message) from failure
                raise


_JSON = {"content-type": "application/json"}
_CLOUD_EVENT = {"content-type": "application/cloudevents+json"}


def _state_path(key: str) -> str:
    return f"/state/statestore/{quote(key, safe='')}"
