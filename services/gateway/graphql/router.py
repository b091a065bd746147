"""`/graphql`: operations by POST, subscriptions over a WebSocket.

Light, since every start loads it: the rest is loaded when the first request comes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response, WebSocket

from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user_of_any_scope
from services.gateway.container import Gateway
from services.gateway.http.openapi import request_body, responses

if TYPE_CHECKING:
    from services.gateway.graphql.handler import GraphqlHandler
    from services.gateway.graphql.websocket import WebSocketHandler
    from services.gateway.streaming.hub import StreamHub

PATH = "/graphql"


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
    """GraphQL, loaded when it is asked for first."""

    def __init__(self, gateway: Gateway, hub: StreamHub) -> None:
        self._gateway = gateway
        self._hub = hub
        self._loading = asyncio.Lock()
        self._loaded: tuple[GraphqlHandler, WebSocketHandler] | None = None

    async def handler(self) -> GraphqlHandler:
        """What answers requests."""
        return (await self._handlers())[0]

    async def websocket_handler(self) -> WebSocketHandler:
        """What holds conversations over sockets."""
        return (await self._handlers())[1]

    async def _handlers(self) -> tuple[GraphqlHandler, WebSocketHandler]:
        """The first one to ask waits a quarter of a second; nobody else does."""
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
    """The routes."""
    router = APIRouter(tags=["graphql"])

    @router.post(PATH, openapi_extra=_REQUEST_BODY, responses=_RESPONSES)
    async def operations(request: Request) -> Response:
        """Operations in GraphQL. A token, where there is one, must be good; fields ask for more."""
        return await (await graph.handler()).handle(request)

    @router.get(PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        """Nothing, but GraphiQL where it is switched on."""
        return (await graph.handler()).page(request)

    @router.websocket(PATH)
    async def subscriptions(
        socket: WebSocket, caller: Annotated[Caller | None, Depends(optional_user_of_any_scope)]
    ) -> None:
        """Subscriptions, as `graphql-transport-ws`."""
        await (await graph.websocket_handler()).handle(socket, caller)

    return router
