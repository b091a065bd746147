"""Subscriptions over a WebSocket, in the protocol `graphql-transport-ws`.

A socket is a connection of the hub like any stream: it counts for its user's limit, closes when its
token is revoked, and is aborted when it does not read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.websockets import WebSocket

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_user
from services.chassis.security.token_verifier import TokenVerifier
from services.gateway.container import Gateway
from services.gateway.graphql import engine
from services.gateway.graphql.budget import RequestBudget
from services.gateway.graphql.engine import GraphqlEngine, PreparedOperation
from services.gateway.graphql.errors import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    TOO_COMPLEX,
    RequestRejected,
)
from services.gateway.graphql.handler import errors_of
from services.gateway.graphql.resolvers import create_context
from services.gateway.graphql.subscription_socket import (
    BAD_MESSAGE,
    DUPLICATE_SUBSCRIBER,
    FORBIDDEN,
    INIT_TIMED_OUT,
    TOO_MANY_INIT,
    UNAUTHORIZED,
    UNSUPPORTED_PROTOCOL,
    ProtocolError,
    SubscriptionSocket,
    init_token,
    message_id,
    next_message,
)
from services.gateway.ratelimit.charge import charge_of
from services.gateway.streaming.hub import StreamHub

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
MAX_SUBSCRIPTIONS = 20
"""Open subscriptions per socket."""

INIT_TIMEOUT = 10.0
"""Seconds until a client must send `connection_init`."""


class WebSocketHandler:
    """Handles WebSockets."""

    def __init__(self, gateway: Gateway, engine: GraphqlEngine, hub: StreamHub) -> None:
        self._gateway = gateway
        self._engine = engine
        self._hub = hub

    async def handle(self, socket: WebSocket, header_caller: Caller | None) -> None:
        """Serve one WebSocket until one side closes it."""
        if PROTOCOL not in socket.scope["subprotocols"]:
            await socket.accept()
            await socket.close(UNSUPPORTED_PROTOCOL, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        try:
            caller = await self._init(socket, header_caller)
            if caller is not None:
                await self._serve(socket, caller)
        except ProtocolError as broken:
            await socket.close(broken.code, broken.reason)

    async def _init(self, socket: WebSocket, header_caller: Caller | None) -> Caller | None:
        """The caller, by the token in a header or in `connection_init`. None if the client left."""
        try:
            async with asyncio.timeout(INIT_TIMEOUT):
                received = await next_message(socket)
        except TimeoutError as error:
            raise ProtocolError(INIT_TIMED_OUT, "Connection initialisation timeout") from error
        if received is None:
            return None
        message, _ = received
        if message["type"] != "connection_init":
            raise ProtocolError(UNAUTHORIZED, "Unauthorized")
        identity: TokenVerifier = socket.app.state.token_verifier
        token = init_token(message.get("payload"))
        try:
            caller = check_user(await identity.verify(token) if token else header_caller)
            self._hub.check_capacity(caller.user_id)
        except ServiceError as failure:
            code = TOO_MANY_INIT if failure.status == 429 else FORBIDDEN
            raise ProtocolError(code, failure.message[:100]) from failure
        return caller

    async def _serve(self, socket: WebSocket, caller: Caller) -> None:
        connection = SubscriptionSocket(self._hub, caller, socket)
        self._hub.add(connection)
        connection.send("connection_ack")
        charge_one = charge_of(socket)
        try:
            while (received := await next_message(socket)) is not None:
                message, size = received
                self._handle_message(connection, message, RequestBudget(charge_one), size)
        finally:
            await connection.leave()

    def _handle_message(
        self,
        connection: SubscriptionSocket,
        received: dict[str, Any],
        budget: RequestBudget,
        size: int,
    ) -> None:
        match received["type"]:
            case "ping":
                connection.send("pong")
            case "pong":
                pass
            case "complete":
                task = connection.operations.get(message_id(received))
                if task is not None:
                    task.cancel()
            case "subscribe":
                self._subscribe(connection, received, budget, size)
            case "connection_init":
                raise ProtocolError(TOO_MANY_INIT, "Too many initialisation requests")
            case _:
                raise ProtocolError(BAD_MESSAGE, "Unknown type of message")

    def _subscribe(
        self,
        connection: SubscriptionSocket,
        received: dict[str, Any],
        budget: RequestBudget,
        size: int,
    ) -> None:
        id = message_id(received)
        if id in connection.operations:
            raise ProtocolError(DUPLICATE_SUBSCRIBER, f"Subscriber for {id} already exists")
        try:
            budget.charge_size(size)
            prepared = self._prepare(connection, received.get("payload"), budget)
        except ServiceError as failure:
            connection.send("error", id=id, payload=errors_of(failure))
            return
        task = asyncio.create_task(self._run(connection, id, prepared))
        connection.operations[id] = task
        task.add_done_callback(lambda _: connection.operations.pop(id, None))

    def _prepare(
        self, connection: SubscriptionSocket, received: Any, budget: RequestBudget
    ) -> PreparedOperation:
        if len(connection.operations) >= MAX_SUBSCRIPTIONS:
            message = f"A socket can have at most {MAX_SUBSCRIPTIONS} subscriptions."
            raise RequestRejected(
                message, TOO_COMPLEX, limit="subscriptions", most=MAX_SUBSCRIPTIONS
            )
        prepared = self._engine.prepare(engine.GraphqlRequest.of(received), budget)
        if prepared.kind != "subscription":
            raise RequestRejected("Send queries and mutations by POST.", BAD_REQUEST)
        return prepared

    async def _run(
        self, connection: SubscriptionSocket, id: str, prepared: PreparedOperation
    ) -> None:
        caller = connection.caller
        context = create_context(self._gateway, caller, connection.listen)
        try:
            async for answer in self._engine.subscribe(prepared, context):
                if "data" not in answer:
                    connection.send("error", id=id, payload=answer["errors"])
                    return
                connection.send("next", id=id, payload=answer)
        except ServiceError as failure:
            connection.send("error", id=id, payload=errors_of(failure))
        except Exception:
            log.exception("a subscription failed")
            connection.send("error", id=id, payload=errors_of(ServiceError(INTERNAL_ERROR)))
        else:
            connection.send("complete", id=id)
