"""A client of the Dapr sidecar: a service's only way out, over one long-lived HTTP session.

Every call has a deadline and carries the trace context. It fails with one of four kinds of error: a
`ServiceError` with the status of the service that refused, `VersionConflict` (another writer won),
`Unavailable` (nothing happened, try again) and `OutcomeUnknown` (it may have happened).

Why HTTP with aiohttp and not the SDK: on two cores it takes a third of the caller's CPU time for
invocation and state, and is never slower by more than a few percent (docs/decisions/0001).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from services.chassis import tracing
from services.chassis.dapr.binding_client import BindingClient
from services.chassis.dapr.pubsub import EncodedEvent, event_message
from services.chassis.dapr.state_client import STATE_TIMEOUT, StateClient
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.errors import NotFound, ServiceError, Unavailable

INVOKE_TIMEOUT = 10.0
PUBLISH_TIMEOUT = 5.0

_FORCE_SHUTDOWN = {"dapr-force-shutdown": "true"}
_CLOUD_EVENT = {"content-type": "application/cloudevents+json"}


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """The actor types that a sidecar hosts, and whether it is connected to what these need.

    The workflow engine consists of actors. Dapr 1.18 still reports a scheduler after it is lost.
    """

    types: list[str]
    has_placement: bool = True
    has_scheduler: bool = True


class DaprClient(StateClient, BindingClient):
    """A client of this service's own sidecar; satisfies `StateStore` and `Publisher`.

    It knows components by their fixed names only: `statestore`, `pubsub`, `secretstore`, `blobs`
    and `mail`.
    """

    pauses: tuple[float, ...] = (0.1, 0.4)
    """Seconds between the attempts of an invocation that did not reach the callee."""

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
        """Call a route of another service, on behalf of the user with this token.

        If the callee cannot be reached, nothing happened: there are two more attempts. Raises the
        callee's `ServiceError`, `Unavailable` or `OutcomeUnknown`.
        """
        # The sidecar would forward a `dapr-caller-app-id` beside the one that it sets itself.
        sent = {k: v for k, v in (headers or {}).items() if not k.lower().startswith("dapr-")}
        if token:
            sent["authorization"] = f"Bearer {token}"
        if json is not None:
            data = orjson.dumps(json)
            sent["content-type"] = "application/json"
        url = f"/invoke/{app}/method/{path.lstrip('/')}"
        if method != "GET":
            tracing.note_effect()
        with tracing.span(tracing.CLIENT) as span:
            if not isinstance(span, tracing.Span):
                return await self._send(method, url, data, params, sent, deadline)
            span.describe(f"{method} {app}", {"http.request.method": method, "rpc.service": app})
            try:
                response = await self._send(method, url, data, params, sent, deadline)
            except ServiceError as failure:
                span.set("http.response.status_code", failure.status)
                raise
            span.set("http.response.status_code", response.status)
            return response

    async def _send(
        self,
        method: str,
        url: str,
        data: bytes | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> InvocationResponse:
        for pause in (*self.pauses, None):
            try:
                return await self._call(
                    method, url, deadline=deadline, data=data, params=params, headers=headers
                )
            except Unavailable:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def is_ready(self) -> bool:
        """Whether the sidecar runs and has loaded its components."""
        try:
            await self._call("GET", "/healthz/outbound", deadline=1.0)
        except ServiceError:
            return False
        return True

    async def actors(self) -> ActorStatus:
        """The actors of the sidecar."""
        metadata = (await self._call("GET", "/metadata", deadline=1.0)).json()
        runtime = metadata.get("actorRuntime") or {}
        return ActorStatus(
            types=[actor["type"] for actor in runtime.get("activeActors") or []],
            has_placement=runtime.get("placement") == "placement: connected",
            has_scheduler=bool((metadata.get("scheduler") or {}).get("connected_addresses")),
        )

    async def shut_down(self) -> None:
        """End the sidecar at once; its supervisor starts it again.

        A graceful end waits for the work of the sidecar without a deadline, and never comes if that
        is stuck (docs/dapr-notes.md, 19).
        """
        await self._call("POST", "/shutdown", deadline=1.0, headers=_FORCE_SHUTDOWN)

    # ── publishing ──────────────────────────────────────────────────────────────────────────

    async def publish(self, topic: str, events: Sequence[EncodedEvent]) -> None:
        """Publish CloudEvents in one message. Raises if the broker did not accept it."""
        await self._call(
            "POST",
            f"/publish/pubsub/{topic}",
            deadline=PUBLISH_TIMEOUT,
            data=event_message(events),
            headers=_CLOUD_EVENT,
        )

    # ── secrets ─────────────────────────────────────────────────────────────────────────────

    async def secret(self, name: str) -> str:
        """A secret from the secret store. Raises `NotFound`."""
        path = f"/secrets/secretstore/{quote(name, safe='')}"
        try:
            values: dict[str, str] = (await self._call("GET", path, deadline=STATE_TIMEOUT)).json()
        except ServiceError as failure:
            if f"secret {name} not found" in failure.message:  # the local store answers 500
                raise NotFound(f'The secret store has no secret "{name}".') from failure
            raise
        if not values.get(name):  # the environment gives an empty one for what is not there
            raise NotFound(f'The secret store has no secret "{name}".')
        return values[name]
