"""A peer of a gRPC server: it calls as the sidecar does on behalf of an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from services.chassis.rpc.status import service_error_of
from tests.fakes.sidecar import APP_TOKEN

M = TypeVar("M", bound=Message)
TIMEOUT = 20.0


class RpcPeer:
    """Calls methods of one server, as the app `caller` with its sidecar's token."""

    def __init__(self, channel: Any, caller: str, app_token: str) -> None:
        self._channel = channel
        self._metadata = [
            *([("dapr-api-token", app_token)] if app_token else []),
            *([("dapr-caller-app-id", caller)] if caller else []),
        ]

    def metadata(self, token: str = "", more: Sequence[tuple[str, str]] = ()) -> list[Any]:
        user = [("authorization", f"Bearer {token}")] if token else []
        return [*self._metadata, *user, *more]

    async def call(
        self,
        path: str,
        request: Message,
        response: type[M],
        *,
        token: str = "",
        more: Sequence[tuple[str, str]] = (),
    ) -> M:
        """Call a method. Raises `grpc.RpcError`."""
        method = self._channel.unary_unary(
            path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        answer: M = await method(request, timeout=TIMEOUT, metadata=self.metadata(token, more))
        return answer

    def stream(self, path: str, request: Message, response: type[M], *, token: str = "") -> Any:
        """Begin a call with a stream of responses."""
        method = self._channel.unary_stream(
            path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        return method(request, timeout=TIMEOUT, metadata=self.metadata(token))


@asynccontextmanager
async def rpc_peer(
    port: int, caller: str = "gateway", app_token: str = APP_TOKEN
) -> AsyncIterator[RpcPeer]:
    """A peer with a connection of its own."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield RpcPeer(channel, caller, app_token)


def refusal(error: grpc.RpcError) -> tuple[grpc.StatusCode, str, int, dict[str, Any]]:
    """The code of gRPC, and code, status and details as HTTP has them."""
    failure = service_error_of(error)
    return error.code(), failure.code, failure.status, failure.details


class FakeGrpcSidecar(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Proxies unary calls of one app to the gRPC ports of others, and says who calls.

    tests/e2e/test_grpc.py holds what it does against the real daprd.
    """

    def __init__(self, app_id: str, token: str) -> None:
        self._app_id = app_id
        self._token = token
        self.ports: dict[str, int] = {}
        """By app-id. An app that is missing refuses connections."""

    def service(self, details: Any) -> Any:
        """The handler of a call, as gRPC asks for it."""
        path = details.method

        async def proxy(request: bytes, context: Any) -> bytes:
            sent = dict(context.invocation_metadata())
            if sent.pop("dapr-api-token", "") != self._token:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "missing api token")
            port = self.ports.get(sent.pop("dapr-app-id"), 0)
            metadata = [
                *((key, value) for key, value in sent.items() if key != "user-agent"),
                ("dapr-caller-app-id", self._app_id),
                ("dapr-api-token", APP_TOKEN),
            ]
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port or 1}") as channel:
                try:
                    answer: bytes = await channel.unary_unary(path)(request, metadata=metadata)
                except grpc.RpcError as error:
                    message = error.details() if port else _UNREACHABLE
                    await context.abort(error.code(), message, tuple(error.trailing_metadata()))
            return answer

        return grpc.unary_unary_rpc_method_handler(proxy)


_UNREACHABLE = 'connection error: desc = "transport: Error while dialing: connection refused"'
"""What daprd says if an app does not listen."""


@asynccontextmanager
async def grpc_sidecar(sidecar: FakeGrpcSidecar) -> AsyncIterator[int]:
    """The port of a sidecar that proxies gRPC."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([sidecar])
    port: int = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(0)
