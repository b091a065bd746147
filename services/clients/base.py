"""What all clients share: the port to the other services, and the four ways to use it.

A request with a `caller` carries the caller's token. Public data is requested without one: a token
that covers `write:statuses` alone must still get a status back with its author.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.errors import OutcomeUnknown, from_status
from services.chassis.http import batch
from services.chassis.security.caller import Caller
from services.contracts.data_export import ExportPage

BATCH_SIZE = 80
"""Ids in one address: the sidecar reads 4 KiB of request line and headers."""

T = TypeVar("T")


class JsonResponse(Protocol):
    """A response with a JSON body."""

    def json(self) -> Any: ...


class JsonInvoker(Protocol):
    """The port to the other services: the sidecar, a fake, or something that batches requests."""

    async def invoke(
        self,
        app: str,
        path: str,
        *,
        method: str = "GET",
        token: str = "",
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = INVOKE_TIMEOUT,
    ) -> JsonResponse: ...


class Invoker(Protocol):
    """The same port for requests and responses that are bytes."""

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
    ) -> InvocationResponse: ...


@dataclass(frozen=True, slots=True)
class JsonRequest:
    """A request to a service. What shares a batch is the caller's choice."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    json: Any = None

    def as_batch_item(self, **of: Any) -> dict[str, Any]:
        """The request as an item of a batch, with the `token` of its user, or as `anonymous`."""
        item = {"method": self.method, "path": self.path, "params": self.params, "body": self.json}
        return item | of


def batch_request(
    items: Sequence[Mapping[str, Any]], seconds: float = batch.MAX_SECONDS
) -> JsonRequest:
    """Several requests in one. The response is `{status, body}` for each, in their order.

    One that is not answered after some seconds has the status 504.
    """
    body = {"questions": items, "seconds": seconds}
    return JsonRequest(batch.PATH[1:], method="POST", json=body)


def batch_result(item: Mapping[str, Any]) -> Any:
    """The body of a response of a batch, or its `ServiceError`."""
    body = item["body"]
    if item["status"] < 400:
        return body
    error = body if isinstance(body, dict) else {}
    details = {name: value for name, value in error.items() if name not in ("code", "message")}
    message = str(error.get("message", "Record not found"))
    return from_status(item["status"], message, error.get("code"), **details)


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """A response that was part of a batch, or was remembered."""

    parsed: Any

    def json(self) -> Any:
        """The body, parsed."""
        return self.parsed


@dataclass(frozen=True, slots=True)
class CacheAge:
    """How old documents may be that a service has cached, in seconds.

    The process `writer` changed them `written` seconds ago: all others must have read them since.
    For `alone` seconds it was the only process of the service that changed anything.
    """

    max_age: float = 0.0
    writer: str = ""
    written: float = 0.0
    alone: float = 0.0

    def params(self) -> dict[str, str]:
        """The query parameters that say so."""
        max_age, written, alone = (
            int(seconds * 1000) for seconds in (self.max_age, self.written, self.alone)
        )
        if not (self.writer and (max_age or alone)):
            return given(max_age=max_age or None)
        return given(max_age=max_age, writer=self.writer, written=written, alone=alone or None)


NOT_CACHED = CacheAge()


class ServiceClient:
    """The routes of one service as methods.

    Methods return what the route's OpenAPI says: contract models validated, lists and dicts of rows
    as parsed JSON (docs/decisions/0025). They raise the service's own `ServiceError`, `Unavailable`
    or `OutcomeUnknown`.
    """

    app_id: ClassVar[str]

    def __init__(self, invoker: JsonInvoker, timeout: float = INVOKE_TIMEOUT) -> None:
        self._invoker = invoker
        self._timeout = timeout

    async def _get(
        self,
        answer: type[T],
        path: str,
        caller: Caller | None = None,
        params: Mapping[str, str] | None = None,
    ) -> T:
        return await self._send(answer, "GET", path, caller, params=params)

    async def _post(
        self,
        answer: type[T],
        path: str,
        caller: Caller | None = None,
        json: BaseModel | Mapping[str, Any] | None = None,
    ) -> T:
        return await self._send(answer, "POST", path, caller, json=json)

    async def _request(self, answer: type[T], request: JsonRequest, caller: Caller | None) -> T:
        return await self._send(
            answer, request.method, request.path, caller, json=request.json, params=request.params
        )

    async def _send(
        self,
        answer: type[T],
        method: str,
        path: str,
        caller: Caller | None,
        *,
        json: BaseModel | Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> T:
        response = await self._invoker.invoke(
            self.app_id,
            path,
            method=method,
            token=caller.token if caller else "",
            json=_dumped(json) if isinstance(json, BaseModel) else json,
            params=params,
            headers=headers,
            deadline=self._timeout if deadline is None else deadline,
        )
        return decode(answer, response.json())


class ExportingClient(ServiceClient):
    """A service that gives out what it keeps of a user, for the archive that the user requests."""

    async def export_page(self, user: str, kind: str, after: str = "") -> ExportPage:
        """Some records of one kind, and the cursor of the next ones."""
        path, params = f"belongings/{user}/{kind}", {"after": after} if after else None
        return await self._get(ExportPage, path, params=params)


def decode(answer: type[T], parsed: Any) -> T:
    """A contract model validated; anything else as it was parsed. Raises `OutcomeUnknown`."""
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        try:
            return answer.model_validate(parsed)
        except ValidationError as error:
            raise OutcomeUnknown(f"The response is not a {answer.__name__}.") from error
    result: T = parsed
    return result


def _dumped(body: BaseModel) -> Any:
    """A body with the fields that were set. It may be unchecked: the service validates it."""
    return body.model_dump(mode="json", exclude_unset=True, warnings=False)


def given(**params: str | int | None) -> dict[str, str]:
    """Query parameters, without those that are empty, `None` or false."""
    kept = {name: value for name, value in params.items() if value not in ("", None)}
    return {
        name: "true" if value is True else str(value)
        for name, value in kept.items()
        if value is not False
    }


def if_match(version: int | None) -> dict[str, str]:
    """The precondition that what is changed still has the version that the caller has seen."""
    return {} if version is None else {"if-match": f'"{version}"'}


def batches(ids: Sequence[str]) -> Iterator[list[str]]:
    """Ids, each once, in as many lists as addresses are needed for them."""
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), BATCH_SIZE):
        yield wanted[start : start + BATCH_SIZE]


async def gather_all(*awaitables: Awaitable[Any]) -> list[Any]:
    """All results. The first failure is raised once all have finished."""
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
