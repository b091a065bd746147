"""Calls methods of other services by gRPC, through the own sidecar."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from services.chassis import telemetry, tracing
from services.chassis.errors import Unavailable
from services.chassis.rpc.status import service_error_of
from services.chassis.service import Service

M = TypeVar("M", bound=Message)

MAX_BACKOFF_MS = 1_000
"""Until gRPC tries again to connect: a sidecar that was restarted is found within this time."""

_PAUSES = (0.1, 0.4, None)
"""Seconds between the attempts of a call that did not reach the callee, as by HTTP."""


class GrpcClient:
    """A channel to the own sidecar, as an async context manager.

    The methods that are called may be repeated.
    """

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._target = f"127.0.0.1:{settings.dapr_grpc_port}"
        self._token = settings.dapr_api_token.get_secret_value()
        self._durations = service.metrics.sidecar_call_duration["invoke"]
        self._errors = service.metrics.sidecar_call_errors["invoke"]
        self._channel: Any = None
        self._methods: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(
            self._target,
            options=[
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", MAX_BACKOFF_MS),
                ("grpc.enable_retries", 0),
            ],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        channel, self._channel = self._channel, None
        self._methods.clear()
        await channel.close()

    async def call(
        self, app: str, path: str, request: Message, response: type[M], *, deadline: float
    ) -> M:
        """Call a method. If the callee cannot be reached, there are two more attempts.

        Raises the callee's `ServiceError`, `Unavailable` or `OutcomeUnknown`.
        """
        with tracing.span(tracing.CLIENT) as span:
            if isinstance(span, tracing.Span):
                span.describe(path[1:], {"rpc.system": "grpc", "rpc.service": app})
            for pause in _PAUSES:
                try:
                    return await self._attempt(app, path, request, response, deadline)
                except Unavailable:
                    if pause is None:
                        raise
                    await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _attempt(
        self, app: str, path: str, request: Message, response: type[M], deadline: float
    ) -> M:
        method = self._method(path, response)
        started = perf_counter()
        try:
            answer: M = await method(request, timeout=deadline, metadata=self._metadata(app))
        except grpc.RpcError as error:
            failure = service_error_of(error)
            if failure.status >= 500:
                self._errors.inc()
            raise failure from error
        finally:
            self._durations.observe(perf_counter() - started)
        return answer

    def _method(self, path: str, response: type[Message]) -> Any:
        if self._channel is None:
            raise Unavailable("The service is stopping.")
        if path not in self._methods:
            self._methods[path] = self._channel.unary_unary(
                path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )
        return self._methods[path]

    def _metadata(self, app: str) -> tuple[tuple[str, str], ...]:
        sent: Mapping[str, str] = {"dapr-app-id": app, **telemetry.outgoing_headers()}
        if self._token:
            sent = {**sent, "dapr-api-token": self._token}
        return tuple(sent.items())
