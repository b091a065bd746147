"""Subscriptions over a WebSocket, in the protocol `graphql-transport-ws`.

A socket is one of the hub's connections, as any other stream: it counts among its person's, ends
with its token, and is cut off when it does not read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from starlette.websockets import WebSocket

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_user
from services.chassis.security.token_verifier import TokenVerifier
from services.gateway.container import Gateway
from services.gateway.graphql import engine
from services.gateway.graphql.dataloaders import DataLoaders
from services.gateway.graphql.engine import GraphqlEngine, PreparedOperation
from services.gateway.graphql.errors import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    TOO_COMPLEX,
    RequestRejected,
)
from services.gateway.graphql.handler import charge, charge_of, errors_of
from services.gateway.graphql.permissions import Context
from services.gateway.graphql.router import Charge
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.connections import (
    MAX_QUEUED_MESSAGES,
    StreamConnection,
    WebSocketTransport,
    transport_of,
)
from services.gateway.streaming.events import Names, StreamEvent
from services.gateway.streaming.hub import StreamHub

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
MAX_SUBSCRIPTIONS = 20
"""Subscriptions of one socket."""

INIT_TIMEOUT = 10.0
"""Seconds until a client must have begun."""

BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, UNSUPPORTED_PROTOCOL = 4400, 4401, 4403, 4406
INIT_TIMED_OUT, DUPLICATE_SUBSCRIBER, TOO_MANY_INIT = 4408, 4409, 4429
"""How a socket is closed, as the protocol says."""


class ProtocolError(Exception):
    """The client broke the protocol: the socket is closed with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class SubscriptionSocket(StreamConnection):
    """One socket, with the subscriptions that are open on it."""

    def __init__(self, hub: StreamHub, caller: Caller, socket: WebSocket) -> None:
        super().__init__(caller, WebSocketTransport(socket), transport_of(socket))
        self._hub = hub
        self._queues: dict[Names, set[asyncio.Queue[StreamEvent]]] = {}
        self.operations: dict[str, asyncio.Task[None]] = {}

    def deliver(self, news: StreamEvent, names: Names) -> None:
        """Hand news to the subscriptions on a channel; too much of it ends the socket."""
        for ear in self._queues.get(names, ()):
            if ear.full():
                self.abort()
            else:
                ear.put_nowait(news)

    async def listen(self, channel: Channel) -> AsyncGenerator[StreamEvent, None]:
        """What is told on a channel from now on."""
        ear: asyncio.Queue[StreamEvent] = asyncio.Queue(MAX_QUEUED_MESSAGES)
        ears = self._queues.setdefault(channel, set())
        ears.add(ear)
        self._hub.subscribe(self, channel, channel)
        try:
            while True:
                yield await ear.get()
        finally:
            ears.remove(ear)
            if not ears:
                self._hub.unsubscribe(self, channel)

    def send(self, kind: str, **said: Any) -> None:
        """Send a message of the protocol."""
        self.enqueue(orjson.dumps({"type": kind, **said}).decode())

    async def leave(self) -> None:
        """End all subscriptions."""
        for task in self.operations.values():
            task.cancel()
        await asyncio.gather(*self.operations.values(), return_exceptions=True)
        self._hub.remove(self)


class WebSocketHandler:
    """Holds conversations over sockets."""

    def __init__(self, gateway: Gateway, engine: GraphqlEngine, hub: StreamHub) -> None:
        self._gateway = gateway
        self._engine = engine
        self._hub = hub

    async def handle(self, socket: WebSocket, known: Caller | None) -> None:
        """All that is said over one socket, until one side ends it."""
        if PROTOCOL not in socket.scope["subprotocols"]:
            await socket.accept()
            await socket.close(UNSUPPORTED_PROTOCOL, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        try:
            caller = await self._init(socket, known)
            if caller is not None:
                await self._serve(socket, caller)
        except ProtocolError as broken:
            await socket.close(broken.code, broken.reason)

    async def _init(self, socket: WebSocket, known: Caller | None) -> Caller | None:
        """Who speaks: their token is in a header, or in the first message. None if they left."""
        try:
            async with asyncio.timeout(INIT_TIMEOUT):
                said = await _next_message(socket)
        except TimeoutError as error:
            raise ProtocolError(INIT_TIMED_OUT, "Connection initialisation timeout") from error
        if said is None:
            return None
        if said["type"] != "connection_init":
            raise ProtocolError(UNAUTHORIZED, "Unauthorized")
        identity: TokenVerifier = socket.app.state.token_verifier
        token = _init_token(said.get("payload"))
        try:
            caller = check_user(await identity.verify(token) if token else known)
            self._hub.check_capacity(caller.user_id)
        except ServiceError as failure:
            code = TOO_MANY_INIT if failure.status == 429 else FORBIDDEN
            raise ProtocolError(code, failure.message[:100]) from failure
        return caller

    async def _serve(self, socket: WebSocket, caller: Caller) -> None:
        conversation = SubscriptionSocket(self._hub, caller, socket)
        self._hub.add(conversation)
        conversation.send("connection_ack")
        count = charge_of(socket)
        try:
            while (said := await _next_message(socket)) is not None:
                self._handle_message(conversation, said, count)
        finally:
            await conversation.leave()

    def _handle_message(
        self, conversation: SubscriptionSocket, said: dict[str, Any], count: Charge
    ) -> None:
        match said["type"]:
            case "ping":
                conversation.send("pong")
            case "pong":
                pass
            case "complete":
                task = conversation.operations.get(_message_id(said))
                if task is not None:
                    task.cancel()
            case "subscribe":
                self._subscribe(conversation, said, count)
            case "connection_init":
                raise ProtocolError(TOO_MANY_INIT, "Too many initialisation requests")
            case _:
                raise ProtocolError(BAD_MESSAGE, "Unknown type of message")

    def _subscribe(
        self, conversation: SubscriptionSocket, said: dict[str, Any], count: Charge
    ) -> None:
        id = _message_id(said)
        if id in conversation.operations:
            raise ProtocolError(DUPLICATE_SUBSCRIBER, f"Subscriber for {id} already exists")
        try:
            prepared = self._prepare(conversation, said.get("payload"), count)
        except ServiceError as failure:
            conversation.send("error", id=id, payload=errors_of(failure))
            return
        task = asyncio.create_task(self._run(conversation, id, prepared))
        conversation.operations[id] = task
        task.add_done_callback(lambda _: conversation.operations.pop(id, None))

    def _prepare(
        self, conversation: SubscriptionSocket, said: Any, count: Charge
    ) -> PreparedOperation:
        charge(count, 1)
        if len(conversation.operations) >= MAX_SUBSCRIPTIONS:
            message = f"One socket has {MAX_SUBSCRIPTIONS} subscriptions at most."
            raise RequestRejected(
                message, TOO_COMPLEX, limit="subscriptions", most=MAX_SUBSCRIPTIONS
            )
        prepared = self._engine.prepare(engine.GraphqlRequest.of(said))
        if prepared.kind != "subscription":
            raise RequestRejected("Queries and mutations are posted.", BAD_REQUEST)
        return prepared

    async def _run(
        self, conversation: SubscriptionSocket, id: str, prepared: PreparedOperation
    ) -> None:
        caller = conversation.caller
        reads = DataLoaders(self._gateway, caller)
        context = Context(self._gateway, caller, reads, conversation.listen)
        try:
            async for answer in self._engine.subscribe(prepared, context):
                if "data" not in answer:
                    conversation.send("error", id=id, payload=answer["errors"])
                    return
                conversation.send("next", id=id, payload=answer)
        except ServiceError as failure:
            conversation.send("error", id=id, payload=errors_of(failure))
        except Exception:
            log.exception("a subscription failed")
            conversation.send("error", id=id, payload=errors_of(ServiceError(INTERNAL_ERROR)))
        else:
            conversation.send("complete", id=id)


async def _next_message(socket: WebSocket) -> dict[str, Any] | None:
    """The next message; None when the client has left. Raises `ProtocolError`."""
    received = await socket.receive()
    if received["type"] != "websocket.receive":
        return None
    try:
        said = orjson.loads(received.get("text") or received.get("bytes") or "")
    except orjson.JSONDecodeError as error:
        raise ProtocolError(BAD_MESSAGE, "This is not JSON") from error
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise ProtocolError(BAD_MESSAGE, "A message needs a type")
    return said


def _message_id(said: dict[str, Any]) -> str:
    id = said.get("id")
    if not isinstance(id, str) or not 1 <= len(id) <= 100:
        raise ProtocolError(BAD_MESSAGE, "This message needs an id")
    return id


def _init_token(payload: Any) -> str:
    """The token in a first message: `{"Authorization": "Bearer …"}`, in whichever case."""
    said = payload if isinstance(payload, dict) else {}
    given = next((value for name, value in said.items() if name.lower() == "authorization"), "")
    kind, _, token = str(given).partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
