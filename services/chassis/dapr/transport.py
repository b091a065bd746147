"""HTTP calls to the sidecar: the session, deadlines, and the meaning of errors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self

import aiohttp
import orjson

from services.chassis import telemetry
from services.chassis.errors import (
    OutcomeUnknown,
    ServiceError,
    TooLarge,
    Unavailable,
    from_status,
)
from services.chassis.metrics import Metrics

JSON_BODY = {"content-type": "application/json"}

_MIN_STREAMED_BYTES = 2**18
"""Larger bodies are sent in chunks, so that they do not block the event loop."""

LONG_POLL = "long_poll"
"""The operation whose duration says nothing."""

_POSTS_OF_STATE = {
    "/state/statestore": "state_set",
    "/state/statestore/bulk": "state_get",
    "/state/statestore/transaction": "state_transaction",
}
_OPERATIONS = {
    "invoke": "invoke",
    "publish": "publish",
    "bindings": "binding",
    "secrets": "secret",
}

_NOT_SENT = ("no host found", "couldn't find service", "connection refused", "failed to resolve")
_CONNECTION_ERRORS = (
    *("timeout", "eof", "connection", "broken pipe", "dial tcp"),
    *("loading", "readonly"),
)
_CONFLICTS = ("user_script", "no item was updated", "duplicate entry")
"""What stores say of a conflict that do not name an ETag: Redis, PostgreSQL, MySQL."""

_NO_COMPONENT = ("_NOT_FOUND", "_NOT_CONFIGURED")


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """A response with a status below 400. Any other is raised as an error."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)


class Transport:
    """The HTTP session with this service's own sidecar."""

    def __init__(self, port: int, token: str = "", metrics: Metrics | None = None) -> None:
        metrics = metrics or Metrics()
        self._durations, self._errors = metrics.sidecar_call_duration, metrics.sidecar_call_errors
        for operation in (*_POSTS_OF_STATE.values(), "state_delete", *_OPERATIONS.values()):
            self._errors[operation].inc(0)  # a rate does not see the step from nothing to 1
        self._base = f"http://127.0.0.1:{port}/v1.0"
        self._headers = {"dapr-api-token": token} if token else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=256, keepalive_timeout=75),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

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
        """Call the sidecar, and measure it. A 4xx and a stale ETag are answers, not errors."""
        operation = _operation(method, path, params)
        started = perf_counter()
        try:
            return await self._exchange(
                method, path, deadline=deadline, data=data, params=params, headers=headers
            )
        except ServiceError as failure:
            if failure.status >= 500 and not is_version_conflict(failure):
                self._errors[operation].inc()
            raise
        finally:
            if operation != LONG_POLL:
                self._durations[operation].observe(perf_counter() - started)

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        data: bytes | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> InvocationResponse:
        if self._session is None:
            raise Unavailable("The service is stopping.")
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=io.BytesIO(data) if data and len(data) > _MIN_STREAMED_BYTES else data,
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
            raise service_error(response.status, body, f"{method} {path}")
        return InvocationResponse(response.status, body, response.headers)


def _operation(method: str, path: str, params: Mapping[str, str] | None) -> str:
    """What a call does, as metrics name it: one of few. A parameter `wait` makes a long poll."""
    if method == "POST" and (known := _POSTS_OF_STATE.get(path)) is not None:
        return known
    kind = path[1 : path.find("/", 1)]
    if kind == "state":
        return "state_delete" if method == "DELETE" else "state_get"
    if kind == "invoke" and params and "wait" in params:
        return LONG_POLL
    return _OPERATIONS.get(kind, "other")


def is_version_conflict(failure: ServiceError) -> bool:
    """Whether a store reports a stale ETag, or a key that exists although it should not.

    SQLite answers 409, or 500 in a transaction, both with "etag mismatch". Redis answers 409 for a
    stale ETag, and 500 for an existing key or in a transaction, always with the name of its script.
    For a broken connection it also says "etag mismatch", with another reason. PostgreSQL and MySQL
    answer 500 for an existing key, each with a text of its own.
    """
    lowered = failure.message.lower()
    if any(text in lowered for text in _CONFLICTS):
        return True
    reason = lowered.partition("error from state store")[2]
    return "etag" in lowered and not any(text in reason for text in _CONNECTION_ERRORS)


def is_not_sent(message: str) -> bool:
    """Whether a sidecar says of an invocation that it did not reach the other service."""
    lowered = message.lower()
    return any(text in lowered for text in _NOT_SENT)


def service_error(status: int, body: bytes, call: str) -> ServiceError:
    """The error for a response of the sidecar, or of a service behind it."""
    if status == 401 and body.strip() == b"invalid api token":
        return Unavailable("The sidecar refused the DAPR_API_TOKEN of this service.")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    message = str(answer.get("message") or f"{call} answered {status}.")
    if "errorCode" not in answer:  # from the callee, not the sidecar
        details = {key: value for key, value in answer.items() if key not in ("code", "message")}
        return from_status(status, message, answer.get("code"), **details)
    lowered = message.lower()
    if "too large" in lowered or "larger than max" in lowered:
        return TooLarge("The request is larger than the sidecar accepts.")
    missing = str(answer["errorCode"]).endswith(_NO_COMPONENT)
    # For a store or a broker even "connection refused" proves nothing: their clients retry, and
    # report the last attempt only.
    not_sent = " /invoke/" in call and is_not_sent(message)
    if missing or not_sent:
        return Unavailable(message)
    if status >= 500:
        return OutcomeUnknown(message)
    return from_status(status, message, answer["errorCode"])
