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
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import orjson

from services.chassis import telemetry
from services.chassis.errors import (
    NotFound,
    OutcomeUnknown,
    ServiceError,
    TooLarge,
    Unavailable,
    from_status,
)

STATE_TIMEOUT = 3.0
INVOKE_TIMEOUT = 10.0
PUBLISH_TIMEOUT = 5.0
BLOB_TIMEOUT = 20.0
MAIL_TIMEOUT = 40.0

_LARGE = 2**18
"""Bytes beyond which a body is sent in pieces, so that it does not hold up the event loop."""

_NOT_SENT = ("no host found", "couldn't find service", "connection refused", "failed to resolve")
_BROKEN = ("timeout", "eof", "connection", "broken pipe", "dial tcp", "loading", "readonly")
_NOT_MAILED = re.compile(r"(^|: )[45]\d\d[ -]|dial tcp|find output binding", re.IGNORECASE)
"""A mail server's refusal, or that none was reached."""

_NO_COMPONENT = ("_NOT_FOUND", "_NOT_CONFIGURED")


class VersionConflict(ServiceError):
    """The document changed, or came to be, since it was read."""

    status, code = 409, "conflict"


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A value in the state store, parsed, with its ETag; `None` and empty where there is none."""

    value: Any
    etag: str


ABSENT = StateEntry(None, "")


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """The types of actors that a sidecar hosts, and whether it reaches what these need.

    Its workflow engine is made of actors. A scheduler that goes away later is still said to be
    there (1.18).
    """

    types: list[str]
    has_placement: bool = True
    has_scheduler: bool = True


@dataclass(frozen=True, slots=True)
class StateUpsert:
    """One write of a transaction. Without an ETag it overwrites whatever is there."""

    key: str
    value: Any
    etag: str = ""


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """What another service answered: always a status below 400, the rest are raised."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return orjson.loads(self.body)


class StateStore(Protocol):
    """The port behind which all state lies: the sidecar's, or a fake that passes the same suite."""

    async def get(self, key: str) -> StateEntry: ...

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]: ...

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None: ...

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None: ...

    async def transact(self, writes: Sequence[StateUpsert]) -> None: ...

    async def delete(self, key: str) -> None: ...


class Publisher(Protocol):
    """The port behind which the broker lies."""

    async def publish(self, topic: str, events: Sequence[dict[str, Any]]) -> None: ...


class DaprClient:
    """A client of this service's own sidecar; satisfies `StateStore` and `Publisher`.

    Fixed component names are all it knows of what stands behind: `statestore`, `pubsub`,
    `secretstore`, `blobs`, `mail`.
    """

    pauses: tuple[float, ...] = (0.1, 0.4)
    """Seconds between the tries of an invocation that did not reach the callee."""

    def __init__(self, port: int, token: str = "") -> None:
        self._base = f"http://127.0.0.1:{port}/v1.0"
        self._headers = {"dapr-api-token": token} if token else {}
        self._session: aiohttp.ClientSession | None = None
        self._mailing = asyncio.Lock()

    async def __aenter__(self) -> DaprClient:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=256, keepalive_timeout=75),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

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
            if _is_version_conflict(failure):
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
            if _is_version_conflict(failure):
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

    # ── one call ────────────────────────────────────────────────────────────────────────────

    async def _call(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationResponse:
        if self._session is None:
            raise Unavailable("The service is stopping.")
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=io.BytesIO(data) if data and len(data) > _LARGE else data,
                params=params,
                headers={**telemetry.outgoing_headers(), **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=deadline),
                allow_redirects=False,
            ) as response:
                body = await response.read()
        except aiohttp.ClientConnectorError as error:
            raise Unavailable("The Dapr sidecar of this service is not reachable.") from error
        except TimeoutError as error:
            raise OutcomeUnknown(f"No answer to {method} {path} within {deadline} s.") from error
        except aiohttp.ClientError as error:
            raise OutcomeUnknown(f"The connection broke during {method} {path}.") from error
        if response.status >= 400:
            raise _failure(response.status, body, f"{method} {path}")
        return InvocationResponse(response.status, body, response.headers)


_JSON = {"content-type": "application/json"}
_CLOUD_EVENT = {"content-type": "application/cloudevents+json"}


def _state_path(key: str) -> str:
    return f"/state/statestore/{quote(key, safe='')}"


def _is_version_conflict(failure: ServiceError) -> bool:
    """Whether a store says that an ETag is stale, or a key there that should not be.

    SQLite says 409, or 500 in a transaction, both with «etag mismatch». Redis says 409 for a stale
    ETag, 500 for a key that is there and in a transaction, always with its script's refusal; and
    «etag mismatch» with another reason for a broken connection.
    """
    lowered = failure.message.lower()
    if "user_script" in lowered:
        return True
    reason = lowered.partition("error from state store")[2]
    return "etag" in lowered and not any(words in reason for words in _BROKEN)


def _failure(status: int, body: bytes, call: str) -> ServiceError:
    if status == 401 and body.strip() == b"invalid api token":
        return Unavailable("The sidecar does not know this service's DAPR_API_TOKEN.")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    message = str(answer.get("message") or f"{call} answered {status}.")
    if "errorCode" not in answer:  # the callee's own words, not the sidecar's
        details = {key: value for key, value in answer.items() if key not in ("code", "message")}
        return from_status(status, message, answer.get("code"), **details)
    lowered = message.lower()
    if "too large" in lowered or "larger than max" in lowered:
        return TooLarge("The request is larger than the sidecar accepts.")
    missing = str(answer["errorCode"]).endswith(_NO_COMPONENT)
    # Of a store or a broker even «connection refused» proves nothing: their clients try again, and
    # tell of the last try only.
    not_sent = " /invoke/" in call and any(words in lowered for words in _NOT_SENT)
    if missing or not_sent:
        return Unavailable(message)
    if status >= 500:
        return OutcomeUnknown(message)
    return from_status(status, message, answer["errorCode"])
