"""`/graphql`: operations by POST, subscriptions over a WebSocket.

Light, since every start loads it: the rest is loaded when the first request comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response, WebSocket

from services.chassis.security.token_verifier import Caller, optional_user_of_any_scope
from services.gateway.desk import Desk
from services.gateway.documents import gives, takes

if TYPE_CHECKING:
    from services.gateway.graphql.answering import Answering
    from services.gateway.graphql.sockets import Conversing
    from services.gateway.streaming.hub import Hub

PATH = "/graphql"

Count = Callable[[], float | None]
"""Counts one request more; gives in how many seconds to come again, if that is one too many."""

COUNT = "count"
"""Where the door leaves it in a scope's `state`."""

_TAKES = takes(
    "application/json",
    query="string",
    variables="object",
    operationName="string",
    example={"query": '{ person(username: "ada") { id displayName } }'},
)
_GIVES = gives(
    {"data": {"person": {"id": "114000000000000000", "displayName": "Ada"}}},
    "`data`, and `errors` with `extensions.code` for what failed: docs/graphql.md.",
)


class Graph:
    """GraphQL, loaded when it is asked for first."""

    def __init__(self, desk: Desk, hub: Hub) -> None:
        self._desk = desk
        self._hub = hub
        self._loading = asyncio.Lock()
        self._loaded: tuple[Answering, Conversing] | None = None

    async def answering(self) -> Answering:
        """What answers requests."""
        return (await self._all())[0]

    async def conversing(self) -> Conversing:
        """What holds conversations over sockets."""
        return (await self._all())[1]

    async def _all(self) -> tuple[Answering, Conversing]:
        """The first one to ask waits a quarter of a second; nobody else does."""
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.to_thread(self._load)
        return self._loaded

    def _load(self) -> tuple[Answering, Conversing]:
        from services.gateway.graphql.answering import Answering
        from services.gateway.graphql.sockets import Conversing

        answering = Answering(self._desk)
        return answering, Conversing(self._desk, answering.engine, self._hub)


def create_router(graph: Graph) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["graphql"])

    @router.post(PATH, openapi_extra=_TAKES, responses=_GIVES)
    async def operations(request: Request) -> Response:
        """Operations in GraphQL. A token, where there is one, must be good; fields ask for more."""
        return await (await graph.answering()).answer(request)

    @router.get(PATH, include_in_schema=False)
    async def page(request: Request) -> Response:
        """Nothing, but GraphiQL where it is switched on."""
        return (await graph.answering()).page(request)

    @router.websocket(PATH)
    async def subscriptions(
        socket: WebSocket, caller: Annotated[Caller | None, Depends(optional_user_of_any_scope)]
    ) -> None:
        """Subscriptions, as `graphql-transport-ws`."""
        await (await graph.conversing()).converse(socket, caller)

    return router
