"""`/graphql`: operations by POST, subscriptions over a WebSocket.

This module is light, since every start loads it. The first request loads the rest.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response, WebSocket

from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user_of_any_scope
from services.gateway.container import Gateway
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.paths import GRAPHQL

if TYPE_CHECKING:
    from services.gateway.graphql.handler import GraphqlHandler
    from services.gateway.graphql.websocket import WebSocketHandler
    from services.gateway.streaming.hub import StreamHub


_REQUEST_BODY = request_body(
    "application/json",
    query="string",
    variables="object",
    operationName="string",
    example={"query": '{ person(username: "ada") { id displayName } }'},
)
_RESPONSES = responses(
    {"data": {"person": {"id": "114000000000000000", "displayName": "Ada"}}},
    "`data`, and `errors` with `extensions.code` for what failed: docs/graphql.md.",
)


class GraphqlEndpoint:
    """The GraphQL handlers, loaded by the first request."""

    def __init__(self, gateway: Gateway, hub: StreamHub) -> None:
        self._gateway = gateway
        self._hub = hub
        self._loading = asyncio.Lock()
        self._loaded: tuple[GraphqlHandler, WebSocketHandler] | None = None

    async def handler(self) -> GraphqlHandler:
        """The handler of requests."""
        return (await self._handlers())[0]

    async def websocket_handler(self) -> WebSocketHandler:
        """The handler of WebSockets."""
        return (await self._handlers())[1]

    async def _handlers(self) -> tuple[GraphqlHandler, WebSocketHandler]:
        """Load the handlers once. The first request waits about 0.25 s."""
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.to_thread(self._load)
        return self._loaded

    def _load(self) -> tuple[GraphqlHandler, WebSocketHandler]:
        from services.gateway.graphql.handler import GraphqlHandler
        from services.gateway.graphql.websocket import WebSocketHandler

        answering = GraphqlHandler(self._gateway)
        return answering, WebSocketHandler(self._gateway, answering.engine, self._hub)


def create_router(graph: GraphqlEndpoint) -> APIRouter:
    """The routes of `/graphql`."""
    router = APIRouter(tags=["graphql"])

    @router.post(GRAPHQL, openapi_extra=_REQUEST_BODY, responses=_RESPONSES)
    async def operations(request: Request) -> Response:
        """GraphQL operations. A token, if there is one, must be valid; fields require scopes."""
        return await (await graph.handler()).handle(request)

    @router.get(GRAPHQL, include_in_schema=False)
    async def page(request: Request) -> Response:
        """GraphiQL, if it is enabled."""
        return (await graph.handler()).page(request)

    @router.websocket(GRAPHQL)
    async def subscriptions(
        socket: WebSocket, caller: Annotated[Caller | None, Depends(optional_user_of_any_scope)]
    ) -> None:
        """Subscriptions, as `graphql-transport-ws`."""
        await (await graph.websocket_handler()).handle(socket, caller)

    return router
