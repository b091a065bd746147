"""Changes that wait at the same time share a hop, each as the user who makes it (decision 61)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from services.chassis import tracing
from services.chassis.dapr.call_groups import MAX_CALLS, CallGroups, Request
from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import OutcomeUnknown, ServiceError
from services.chassis.http import batch
from services.clients.base import (
    JsonInvoker,
    JsonResponse,
    ParsedResponse,
    batch_request,
    batch_result,
)
from services.clients.shared_reads import NOBODY, PATIENCE, status_of

CHANGE_SECONDS = 8.0
"""Seconds for which a call waits for the slowest of its changes: as long as a commit is tried. The
gateway waits a little longer for the call, so that all others get their answers."""

MAX_BODY_BYTES = 2**14
"""A larger body is sent by itself. A post of usual text has less."""

_NOTHING_HAPPENED = (401, 503)
"""Statuses of a part with which its change is sent again by itself: the service may not know the
tokens of parts, or was not able to begin."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A POST request of a user."""

    path: str
    token: str
    json: Any

    def as_batch_item(self) -> dict[str, Any]:
        return {"method": "POST", "path": self.path, "token": self.token, "body": self.json}

    def fits(self, size: int) -> bool:
        """Whether it can be a part of a batch, with a body of some bytes."""
        return (
            self.path != batch.PATH[1:]
            and len(self.path) <= batch.MAX_PATH_LENGTH
            and len(self.token) <= batch.MAX_TOKEN_LENGTH
            and size <= MAX_BODY_BYTES
        )


class SharedChanges:
    """The port to the other services, on which POST requests of users share calls.

    A lone change is sent at once, as it is. What comes while two calls are in flight shares the
    next one. A change is never sent twice, unless it is certain that nothing has happened. All
    other requests are sent by themselves.
    """

    def __init__(self, invoker: JsonInvoker) -> None:
        self._invoker = invoker
        self._groups: dict[str, CallGroups[_Change]] = {}

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
        if method == "POST" and token and not (params or headers) and deadline == INVOKE_TIMEOUT:
            change, size = _Change(path, token, json), len(orjson.dumps(json))
            if change.fits(size):
                response: JsonResponse = await self._of(app).submit(change, size)
                return response
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

    def _of(self, app: str) -> CallGroups[_Change]:
        if app not in self._groups:
            self._groups[app] = CallGroups(
                partial(self._answer, app),
                lambda span, change: span.describe(f"change {app}", {"url.path": change.path}),
                max_calls=MAX_CALLS,
                kind=tracing.INTERNAL,
                patience=PATIENCE,
            )
        return self._groups[app]

    async def _answer(self, app: str, group: Sequence[Request[_Change]]) -> None:
        remaining = group if len(group) == 1 else await self._answer_together(app, group)
        await asyncio.gather(*(self._answer_alone(app, request) for request in remaining))

    async def _answer_alone(self, app: str, request: Request[_Change]) -> None:
        change = request.asked
        try:
            request.succeed(
                await self._invoker.invoke(
                    app, change.path, method="POST", token=change.token, json=change.json
                )
            )
        except Exception as error:
            request.fail(error)

    async def _answer_together(
        self, app: str, group: Sequence[Request[_Change]]
    ) -> Sequence[Request[_Change]]:
        """Answer changes in one call. Returns those that must be sent by themselves.

        All of them if the batch is refused: nothing has happened then. Any other failure is that of
        all of them.
        """
        try:
            parts = await self._parts(app, [request.asked for request in group])
        except ServiceError as error:
            if error.status < 500:
                return group
            for request in group:
                request.fail(error)
            return ()
        pairs = zip(group, parts, strict=True)
        return [request for request, part in pairs if not _settle(request, part)]

    async def _parts(self, app: str, changes: Sequence[_Change]) -> Sequence[Any]:
        """The parts of the answer. Raises `OutcomeUnknown` if there is not one for each change."""
        asked = batch_request([change.as_batch_item() for change in changes], CHANGE_SECONDS)
        response = await self._invoker.invoke(
            app, asked.path, method=asked.method, token=NOBODY, json=asked.json
        )
        try:
            parts = response.json()
        except ValueError:
            parts = None
        if not isinstance(parts, list) or len(parts) != len(changes):
            raise OutcomeUnknown(f"{app} did not answer each of several changes.")
        return parts


def _settle(request: Request[_Change], part: Any) -> bool:
    """Answer a change with its part of a batch, unless that says that nothing has happened."""
    status = status_of(part)
    if status in _NOTHING_HAPPENED:
        return False
    if status is None:
        request.fail(OutcomeUnknown("The answer to a change is malformed."))
        return True
    result = batch_result(part)
    if isinstance(result, ServiceError):
        request.fail(result)
    else:
        request.succeed(ParsedResponse(result))
    return True
