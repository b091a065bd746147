"""Requests that wait at the same time share a hop (decisions 59, 61 and 69)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import OutcomeUnknown, ServiceError
from services.chassis.http import batch
from services.clients.base import (
    JsonInvoker,
    JsonRequest,
    JsonResponse,
    ParsedResponse,
    batch_request,
    batch_result,
)

PATIENCE = 0.25
"""Seconds after which the next requests no longer wait for a call. Its own requests do."""

MAX_BODY_BYTES = 2**14
"""A larger body is sent by itself. A post of usual text has less."""

NOBODY = "each-part-has-its-own"
"""The token of a call of several requests, which no service accepts. One that knew nothing of the
tokens of parts would refuse them, instead of answering as for an anonymous reader."""


@dataclass(frozen=True, slots=True)
class _Policy:
    """How the requests of one method share calls.

    `max_calls` are in flight before the next requests wait for them. A call waits `seconds` for the
    slowest of its requests. A request is sent again by itself if its part of the answer has one of
    the statuses `again`, of which None stands for no answer to it. `deadline` is that of the
    requests, and of the call. Those that are not `of_users` have no token.
    """

    name: str
    max_calls: int
    seconds: float
    again: tuple[int | None, ...]
    deadline: float = INVOKE_TIMEOUT
    of_users: bool = True


READS = _Policy("read", max_calls=1, seconds=2.0, again=(None, 401, 504))
"""One call, so that a read never gets what was read before it began. A read can be sent again
whatever has happened; with 401 because the service may not know the tokens of parts."""

CHANGES = _Policy("change", max_calls=2, seconds=8.0, again=(401, 503))
"""As long as a commit is tried. The gateway waits a little longer for the call, so that all others
get their answers. A change is sent again only if it is certain that nothing has happened."""

OF_USERS: Mapping[str, _Policy] = {"GET": READS, "POST": CHANGES}
"""How the requests of users share calls, by their method."""


def steps(deadline: float) -> dict[str, _Policy]:
    """How the steps of sagas share calls: POST requests of a service itself with this deadline."""
    policy = _Policy("step", 2, 0.8 * deadline, (503,), deadline=deadline, of_users=False)
    return {"POST": policy}


@dataclass(frozen=True, slots=True)
class _Call:
    """A request of the user who has the token, or without one of the service itself."""

    request: JsonRequest
    token: str

    def fits(self, policy: _Policy) -> bool:
        """Whether it can be a part of a batch, but for the size of its body."""
        request = self.request
        return (
            bool(self.token) == policy.of_users
            and len(self.token) <= batch.MAX_TOKEN_LENGTH
            and request.path != batch.PATH[1:]
            and len(request.path) <= batch.MAX_PATH_LENGTH
            and len(request.params) <= batch.MAX_PARAMS
        )

    def as_item(self) -> dict[str, Any]:
        """The request as a part of a batch."""
        of = {"token": self.token} if self.token else {"anonymous": True}
        return self.request.as_batch_item(**of)

    def size(self) -> int:
        """The bytes of its body."""
        return 0 if self.request.json is None else len(orjson.dumps(self.request.json))


class SharedCalls:
    """The port to the other services, on which GET and POST requests of users share calls.

    Other `policies` let other requests share them. A lone request is sent at once, as it is. What
    comes while one call of reads, or two of changes, are in flight shares the next one. Requests
    with headers, those that no policy names, and those that are too large for a batch are sent by
    themselves.
    """

    def __init__(self, invoker: JsonInvoker, policies: Mapping[str, _Policy] = OF_USERS) -> None:
        self._invoker = invoker
        self._policies = policies
        self._groups: dict[tuple[str, str], CallGroups[_Call]] = {}

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
        policy = self._policies.get(method)
        if policy and not headers and deadline == policy.deadline:
            call = _Call(JsonRequest(path, params or {}, method, json), token)
            if call.fits(policy) and (size := call.size()) <= MAX_BODY_BYTES:
                response: JsonResponse = await self._of(app, method).submit(call, size)
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

    def _of(self, app: str, method: str) -> CallGroups[_Call]:
        if (app, method) not in self._groups:
            policy = self._policies[method]
            self._groups[app, method] = CallGroups(
                partial(self._answer, app, policy),
                lambda span, call: span.describe(
                    f"{policy.name} {app}", {"url.path": call.request.path}
                ),
                max_calls=policy.max_calls,
                kind=tracing.INTERNAL,
                patience=PATIENCE,
            )
        return self._groups[app, method]

    async def _answer(self, app: str, policy: _Policy, group: Sequence[Request[_Call]]) -> None:
        remaining = group if len(group) == 1 else await self._answer_together(app, policy, group)
        deadline = policy.deadline
        await asyncio.gather(*(self._answer_alone(app, each, deadline) for each in remaining))

    async def _answer_alone(self, app: str, request: Request[_Call], deadline: float) -> None:
        call = request.asked
        try:
            answer = await self._send(app, call.request, token=call.token, deadline=deadline)
            request.succeed(answer)
        except Exception as error:
            request.fail(error)

    async def _answer_together(
        self, app: str, policy: _Policy, group: Sequence[Request[_Call]]
    ) -> Sequence[Request[_Call]]:
        """Answer requests in one call. Returns those that must be sent by themselves.

        All of them if the batch is refused, perhaps for the sake of one: nothing has happened then.
        Any other failure is that of all of them.
        """
        calls = [request.asked for request in group]
        items = [call.as_item() for call in calls]
        try:
            parts = await self._parts(app, items, policy)
        except ServiceError as error:
            if error.status < 500:
                return group
            for request in group:
                request.fail(error)
            return ()
        # If all took too long, the service does, and more calls would not help it.
        again = policy.again if any(_status_of(part) != 504 for part in parts) else ()
        pairs = zip(group, parts, strict=True)
        return [request for request, part in pairs if not _settle(request, part, again)]

    async def _parts(
        self, app: str, items: Sequence[Mapping[str, Any]], policy: _Policy
    ) -> Sequence[Any]:
        """The part of the answer for each item; None for each if the answer is malformed."""
        request = batch_request(items, policy.seconds)
        token = NOBODY if policy.of_users else ""
        response = await self._send(app, request, token=token, deadline=policy.deadline)
        try:
            parts = response.json()
        except ValueError:
            parts = None
        if not isinstance(parts, list) or len(parts) != len(items):
            return [None] * len(items)
        return parts

    async def _send(
        self, app: str, request: JsonRequest, *, token: str, deadline: float
    ) -> JsonResponse:
        return await self._invoker.invoke(
            app,
            request.path,
            method=request.method,
            token=token,
            json=request.json,
            params=request.params,
            deadline=deadline,
        )


def _status_of(part: Any) -> int | None:
    """The status of a part, or None if it is no answer."""
    status = part.get("status") if isinstance(part, dict) and "body" in part else None
    return status if isinstance(status, int) else None


def _settle(request: Request[_Call], part: Any, again: Sequence[int | None]) -> bool:
    """Answer a request with its part of a batch, unless that has a status of `again`."""
    status = _status_of(part)
    if status in again:
        return False
    result = OutcomeUnknown("The answer is malformed.") if status is None else batch_result(part)
    if isinstance(result, ServiceError):
        request.fail(result)
    else:
        request.succeed(ParsedResponse(result))
    return True
