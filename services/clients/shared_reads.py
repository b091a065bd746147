"""Reads that wait at the same time share a hop, each as the user who asks (decision 59)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.http.batch import MAX_PARAMS, MAX_PATH_LENGTH, MAX_TOKEN_LENGTH
from services.clients.base import (
    JsonInvoker,
    JsonResponse,
    ParsedResponse,
    batch_request,
    batch_result,
)

PATIENCE = 0.25
"""Seconds after which the next reads no longer wait for a call. Its own reads do."""

PART_SECONDS = 2.0
"""Seconds after which a call no longer waits for one of its reads."""

NOBODY = "each-part-has-its-own"
"""The token of a call of several reads, which no service accepts. One that knew nothing of the
tokens of parts would refuse them, instead of answering as for an anonymous reader."""

_AGAIN = (401, 504)
"""Statuses of a part with which its read is sent again by itself: the service may not know the
tokens of parts, or the read took long."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A GET request of a user."""

    path: str
    token: str
    params: Mapping[str, str]
    deadline: float

    def as_batch_item(self) -> dict[str, Any]:
        return {"path": self.path, "token": self.token, "params": self.params}

    def fits(self) -> bool:
        """Whether it can be a part of a batch."""
        return (
            len(self.path) <= MAX_PATH_LENGTH
            and len(self.token) <= MAX_TOKEN_LENGTH
            and len(self.params) <= MAX_PARAMS
        )


class SharedReads:
    """The port to the other services, on which the reads of users share calls.

    A lone read is sent at once, as it is. What comes while it is in flight shares the next call, so
    a response never is of a read that began before its request. Requests that change something,
    those without a token, and those that are too large for a batch are sent by themselves. A read
    that takes longer than `PART_SECONDS` is sent again by itself, so the others do not wait for it.
    """

    def __init__(self, invoker: JsonInvoker) -> None:
        self._invoker = invoker
        self._groups: dict[str, CallGroups[_Read]] = {}

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
    ) -> JsonResponse:
        """Send a request to a service. Raises its `ServiceError`, as the sidecar's client does."""
        read = _Read(path, token, params or {}, deadline)
        if method == "GET" and token and json is None and not headers and read.fits():
            return ParsedResponse(await self._of(app).submit(read))
        return await self._invoker.invoke(
            app,
            path,
            method=method,
            token=token,
            json=json,
            params=params,
            headers=headers,
            deadline=deadline,
        )

    def _of(self, app: str) -> CallGroups[_Read]:
        if app not in self._groups:
            self._groups[app] = CallGroups(
                partial(self._answer, app),
                lambda span, read: span.describe(f"read {app}", {"url.path": read.path}),
                max_calls=1,
                kind=tracing.INTERNAL,
                patience=PATIENCE,
            )
        return self._groups[app]

    async def _answer(self, app: str, group: Sequence[Request[_Read]]) -> None:
        remaining = group if len(group) == 1 else await self._answer_together(app, group)
        await asyncio.gather(*(self._answer_alone(app, request) for request in remaining))

    async def _answer_alone(self, app: str, request: Request[_Read]) -> None:
        read = request.asked
        try:
            response = await self._invoker.invoke(
                app, read.path, token=read.token, params=read.params, deadline=read.deadline
            )
            request.succeed(response.json())
        except Exception as error:
            request.fail(error)

    async def _answer_together(
        self, app: str, group: Sequence[Request[_Read]]
    ) -> Sequence[Request[_Read]]:
        """Answer reads in one call. Returns those that must be sent by themselves.

        All of them if the batch is refused, perhaps for the sake of one, or its answer is none.
        """
        try:
            parts = await self._parts(app, [request.asked for request in group])
        except ServiceError as error:
            if not isinstance(error, OutcomeUnknown | Unavailable):
                return group
            for request in group:
                request.fail(error)
            return ()
        if len(parts) != len(group):
            return group
        # If all took too long, the service does, and more calls would not help it.
        again = _AGAIN if any(status_of(part) != 504 for part in parts) else ()
        pairs = zip(group, parts, strict=True)
        return [request for request, part in pairs if not _settle(request, part, again)]

    async def _parts(self, app: str, reads: Sequence[_Read]) -> Sequence[Any]:
        batch = batch_request([read.as_batch_item() for read in reads], PART_SECONDS)
        response = await self._invoker.invoke(
            app,
            batch.path,
            method=batch.method,
            token=NOBODY,
            json=batch.json,
            deadline=max(read.deadline for read in reads),
        )
        try:
            parts = response.json()
        except ValueError:
            return ()
        return parts if isinstance(parts, list) else ()


def status_of(part: Any) -> int | None:
    """The status of a part, or None if it is no answer."""
    status = part.get("status") if isinstance(part, dict) and "body" in part else None
    return status if isinstance(status, int) else None


def _settle(request: Request[_Read], part: Any, again: Sequence[int]) -> bool:
    """Answer a read with its part of a batch, unless that is no answer, or its status `again`."""
    status = status_of(part)
    if status is None or status in again:
        return False
    result = batch_result(part)
    if isinstance(result, ServiceError):
        request.fail(result)
    else:
        request.succeed(result)
    return True
