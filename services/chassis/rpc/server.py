"""The gRPC server of a service, on the port of its HTTP server (`http/shared_port.py`).

It admits whom the HTTP server would admit: the own sidecar by its token, and of the other services
those that the access file names for a method. Errors, traces and metrics are those of HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from hmac import compare_digest
from time import perf_counter
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from pydantic import ValidationError

from services.chassis import telemetry, tracing
from services.chassis.errors import Invalid, ServiceError
from services.chassis.metrics import RequestRecord
from services.chassis.rpc import status
from services.chassis.rpc.method import Metadata, RpcCall, RpcMethod, StreamMethod, first
from services.chassis.security.access_rules import ServiceAccess
from services.chassis.security.route_guards import (
    OUTSIDE,
    OWN_SIDECAR,
    CallingApp,
    raise_mismatch,
    refuse,
)
from services.chassis.service import Service

MAX_REQUEST_BYTES = 256 * 1024
MAX_METADATA_BYTES = 64 * 1024
"""As for HTTP (`http_protocol.py`)."""

MAX_CALLS = 1_000
"""Calls at once, with streams. More are refused with RESOURCE_EXHAUSTED."""

MAX_IDLE_TIME = 75.0
"""Seconds for which a connection may have no call, as for HTTP. A sidecar connects again."""

SHUTDOWN_GRACE = 1.0
"""Seconds in which open calls may end before they are cancelled: streams do not end."""

_METHOD = "GRPC"
"""Stands for the verb in metrics."""

_OF_THE_SERVER = (f"/{health.SERVICE_NAME}/", f"/{reflection.SERVICE_NAME}/")

log = logging.getLogger(__name__)


def serve(service: Service, *methods: RpcMethod, access: ServiceAccess | None = None) -> None:
    """Answer by gRPC too, for as long as the service runs.

    Raises `AccessMismatch` if the methods are not those that the access file names.
    """
    access = access or service.access()
    place = f"services.{access.name}.grpc"
    paths = {method.path for method in methods}
    raise_mismatch(
        [f'"{path}" is no method: take it out of {place}' for path in access.grpc.keys() - paths]
        + [f'"{path}" has no rule: add it to {place}' for path in paths - access.grpc.keys()]
    )
    server = GrpcServer(service, access, methods)
    service.grpc_port = server.port
    service.manage(server)
    service.on_shutdown(server.begin_shutdown)


class GrpcServer:
    """A gRPC server on a free port, as an async context manager."""

    def __init__(
        self, service: Service, access: ServiceAccess, methods: Sequence[RpcMethod]
    ) -> None:
        self._service = service
        self._gate = _Gate(service, access)
        self._methods = methods
        self._server: Any = None
        self._port = 0
        self._health = health.aio.HealthServicer()
        self._stopping: asyncio.Task[None] | None = None

    def port(self) -> int:
        """Return the port on the loopback interface; 0 before the start."""
        return self._port

    async def __aenter__(self) -> Self:
        self._server = server = grpc.aio.server(
            interceptors=[self._gate],
            maximum_concurrent_rpcs=MAX_CALLS,
            options=[
                ("grpc.so_reuseport", 0),  # nobody else can listen on the same port
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.max_connection_idle_ms", int(MAX_IDLE_TIME * 1000)),
            ],
        )
        names = self._add_methods(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*names, health.SERVICE_NAME], server)
        self._port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        for name in ("", *names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.begin_shutdown()
        if self._stopping is not None:
            await self._stopping

    def begin_shutdown(self) -> None:
        """Take no more calls, and let open ones end."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        await self._health.enter_graceful_shutdown()
        await self._server.stop(SHUTDOWN_GRACE)

    def _add_methods(self, server: Any) -> list[str]:
        """Add the methods, and return the names of their services."""
        handlers: dict[str, dict[str, Any]] = {}
        for method in self._methods:
            _, name, verb = method.path.split("/")
            handlers.setdefault(name, {})[verb] = self._handler(method)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, verbs) for name, verbs in handlers.items()]
        )
        return sorted(handlers)

    def _handler(self, method: RpcMethod) -> Any:
        if isinstance(method, StreamMethod):
            kind, behavior = grpc.unary_stream_rpc_method_handler, self._stream(method)
        else:
            kind, behavior = grpc.unary_unary_rpc_method_handler, self._unary(method)
        return kind(
            behavior,
            request_deserializer=method.request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    def _unary(self, method: Any) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> Any:
            async with self._answering(method.path, context) as (call, _):
                return await method.answer(request, call)

        return answer

    def _stream(self, method: StreamMethod) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self._answering(method.path, context) as (call, record):
                record.is_stream = True
                async for message in method.answer(request, call):
                    yield message

        return answer

    @asynccontextmanager
    async def _answering(
        self, path: str, context: Any
    ) -> AsyncIterator[tuple[RpcCall, RequestRecord]]:
        """Answer a call within its trace, measured; turn what is raised into a status."""
        metadata = metadata_of(context.invocation_metadata())
        telemetry.start_trace({key: first(metadata, key) for key in _TRACE_KEYS})
        with _span(path) as span, self._measured(path) as record:
            try:
                yield RpcCall(metadata, self._service.token_verifier), record
            except Exception as error:
                failure = _as_service_error(error)
                if failure.status >= 500:
                    log.exception(failure.message, extra={"code": failure.code})
                record.status = failure.status
                code = status.code_of(failure)
                if isinstance(span, tracing.Span):
                    span.set("rpc.grpc.status_code", code.value[0])
                await context.abort(code, failure.message, status.trailers_of(failure))

    @contextmanager
    def _measured(self, path: str) -> Iterator[_Record]:
        metrics, record, started = self._service.metrics, _Record(path), perf_counter()
        metrics.active_requests.add(record)
        try:
            yield record
        finally:
            metrics.active_requests.discard(record)
            if not record.is_stream:
                labels = (_METHOD, path, f"{record.status // 100}xx")
                metrics.request_duration[labels].observe(perf_counter() - started)


_TRACE_KEYS = ("traceparent", "tracestate", "x-request-id")


class _Record(RequestRecord):
    """The record of a call by gRPC, with the status that HTTP would have."""

    __slots__ = ("status",)

    def __init__(self, path: str) -> None:
        super().__init__()
        self.route = path
        self.status = 200


class _Gate(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Admits calls as `SidecarMiddleware` and `route_guards` do. It is asked before any handler.

    Health and reflection are for who has the token of the sidecar: a call of health can last for
    ever, and others without a token may not take one of `MAX_CALLS`. `/healthz` is for everybody.
    """

    def __init__(self, service: Service, access: ServiceAccess) -> None:
        token = service.settings.app_api_token.get_secret_value()
        self._token = token.encode()
        self._trusts_everybody = service.settings.microgram_insecure and not token
        self._rules = access.grpc

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        try:
            self._admit(details.method, metadata_of(details.invocation_metadata))
        except ServiceError as failure:
            return _refusing(failure)
        return await continuation(details)

    def _admit(self, path: str, metadata: Metadata) -> None:
        caller = self._caller(metadata)
        if caller is OUTSIDE:
            raise refuse(OUTSIDE, path, "no_token")
        admitted = {OWN_SIDECAR} if path.startswith(_OF_THE_SERVER) else self._rules.get(path, ())
        if caller not in admitted:
            raise refuse(caller, path, "not_named")

    def _caller(self, metadata: Metadata) -> CallingApp:
        """Return who calls, by the sidecar's word. It passes on a made-up name beside the true."""
        tokens = metadata.get("dapr-api-token", ())
        is_sidecar = len(tokens) == 1 and compare_digest(tokens[0].encode(), self._token)
        if not (self._trusts_everybody or (is_sidecar and self._token)):
            return OUTSIDE
        names = metadata.get("dapr-caller-app-id", ())
        if not names:
            return OWN_SIDECAR
        if len(names) > 1 or not names[0]:
            raise refuse(OWN_SIDECAR, "", "several_names")
        return names[0]


def _refusing(failure: ServiceError) -> Any:
    """Return a handler that refuses a call of any kind."""

    async def refuse_call(_: Any, context: Any) -> None:
        await context.abort(status.code_of(failure), failure.message, status.trailers_of(failure))

    # Not a unary one: that waits for a message before it refuses, and counts towards MAX_CALLS.
    return grpc.stream_stream_rpc_method_handler(refuse_call)


def metadata_of(pairs: Any) -> Metadata:
    """Return the text values of metadata by their keys."""
    found: dict[str, list[str]] = {}
    for key, value in pairs or ():
        if isinstance(value, str):
            found.setdefault(key, []).append(value)
    return found


def _span(path: str) -> Any:
    span = tracing.span(tracing.SERVER)
    if isinstance(span, tracing.Span):
        span.describe(path[1:], {"rpc.system": "grpc", "rpc.method": path[1:]})
    return span


def _as_service_error(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, ValidationError):
        first_fault = error.errors()[0]
        where = ".".join(str(part) for part in first_fault["loc"])
        return Invalid(f"{where}: {first_fault['msg']}" if where else first_fault["msg"])
    return ServiceError("Something went wrong on our side.")
