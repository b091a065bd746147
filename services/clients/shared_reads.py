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
from services.clients.base import (
    JsonInvoker,
    JsonResponse,
    ParsedResponse,
    batch_request,
    batch_result,
)

PATIENCE = 0.25
"""Seconds after which the next reads no longer wait for a call. Its own reads do."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A GET request of a user."""

    path: str
    token: str
    params: Mapping[str, str]
    deadline: float

    def as_batch_item(self) -> dict[str, Any]:
        return {"path": self.path, "token": self.token, "params": self.params}


class SharedReads:
    """The port to the other services, on which the reads of users share calls.

    A lone read is sent at once, as it is. What comes while it is in flight shares the next call, so
    a response never is of a read that began before its request. Requests that change something,
    and those without a token, pass. For services that answer soon: a call takes as long as its
    slowest read.
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
        """As the sidecar's."""
        if method == "GET" and token and not headers:
            read = _Read(path, token, params or {}, deadline)
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
        try:
            results = await self._results(app, group)
        except ServiceError as error:
            if len(group) > 1 and not isinstance(error, OutcomeUnknown | Unavailable):
                # The batch is refused, perhaps for the sake of one read.
                await asyncio.gather(*(self._answer(app, [each]) for each in group))
                return
            results = [error] * len(group)
        for request, result in zip(group, results, strict=True):
            if isinstance(result, ServiceError):
                request.fail(result)
            else:
                request.succeed(result)

    async def _results(self, app: str, group: Sequence[Request[_Read]]) -> list[Any]:
        """What each read of a group found, or its `ServiceError`."""
        reads = [request.asked for request in group]
        deadline = max(read.deadline for read in reads)
        if len(reads) == 1:
            (read,) = reads
            response = await self._invoker.invoke(
                app, read.path, token=read.token, params=read.params, deadline=deadline
            )
            return [response.json()]
        batch = batch_request([read.as_batch_item() for read in reads])
        response = await self._invoker.invoke(
            app, batch.path, method=batch.method, json=batch.json, deadline=deadline
        )
        return [batch_result(item) for item in response.json()]
