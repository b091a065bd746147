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
from services.chassis.security.token_verifier import Caller, TokenVerifier, check_user
from services.gateway.api.streaming import transport_of
from services.gateway.desk import Desk
from services.gateway.graphql import engine
from services.gateway.graphql.answering import charge, counting, errors_of
from services.gateway.graphql.engine import Engine, Prepared
from services.gateway.graphql.errors import BAD_REQUEST, BROKEN, TOO_COMPLEX, Refused
from services.gateway.graphql.http import Count
from services.gateway.graphql.loaders import Reads
from services.gateway.graphql.needs import Context
from services.gateway.streaming.channels import Channel
from services.gateway.streaming.connections import MESSAGES, Connection, Socket
from services.gateway.streaming.hub import Hub
from services.gateway.streaming.messages import Names, News

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
OPERATIONS = 20
"""Subscriptions of one socket."""

PATIENCE = 10.0
"""Seconds until a client must have begun."""

BAD, UNAUTHORIZED, FORBIDDEN, NO_PROTOCOL = 4400, 4401, 4403, 4406
TOO_LATE, TWICE, AGAIN = 4408, 4409, 4429
"""How a socket is closed, as the protocol says."""


class Broken(Exception):
    """The client broke the protocol: the socket is closed with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Conversation(Connection):
    """One socket, with the subscriptions that are open on it."""

    def __init__(self, hub: Hub, caller: Caller, socket: WebSocket) -> None:
        super().__init__(caller, Socket(socket), transport_of(socket))
        self._hub = hub
        self._ears: dict[Names, set[asyncio.Queue[News]]] = {}
        self.operations: dict[str, asyncio.Task[None]] = {}

    def tell(self, news: News, names: Names) -> None:
        """Hand news to the subscriptions on a channel; too much of it ends the socket."""
        for ear in self._ears.get(names, ()):
            if ear.full():
                self.cut()
            else:
                ear.put_nowait(news)

    async def listen(self, channel: Channel) -> AsyncGenerator[News, None]:
        """What is told on a channel from now on."""
        ear: asyncio.Queue[News] = asyncio.Queue(MESSAGES)
        ears = self._ears.setdefault(channel, set())
        ears.add(ear)
        self._hub.subscribe(self, channel, channel)
        try:
            while True:
                yield await ear.get()
        finally:
            ears.remove(ear)
            if not ears:
                self._hub.unsubscribe(self, channel)

    def put(self, kind: str, **said: Any) -> None:
        """Send a message of the protocol."""
        self.say(orjson.dumps({"type": kind, **said}).decode())

    async def leave(self) -> None:
        """End all subscriptions."""
        for task in self.operations.values():
            task.cancel()
        await asyncio.gather(*self.operations.values(), return_exceptions=True)
        self._hub.leave(self)


class Conversing:
    """Holds conversations over sockets."""

    def __init__(self, desk: Desk, engine: Engine, hub: Hub) -> None:
        self._desk = desk
        self._engine = engine
        self._hub = hub

    async def converse(self, socket: WebSocket, known: Caller | None) -> None:
        """All that is said over one socket, until one side ends it."""
        if PROTOCOL not in socket.scope["subprotocols"]:
            await socket.accept()
            await socket.close(NO_PROTOCOL, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        try:
            caller = await self._begin(socket, known)
            if caller is not None:
                await self._go_on(socket, caller)
        except Broken as broken:
            await socket.close(broken.code, broken.reason)

    async def _begin(self, socket: WebSocket, known: Caller | None) -> Caller | None:
        """Who speaks: their token is in a header, or in the first message. None if they left."""
        try:
            async with asyncio.timeout(PATIENCE):
                said = await _next(socket)
        except TimeoutError as error:
            raise Broken(TOO_LATE, "Connection initialisation timeout") from error
        if said is None:
            return None
        if said["type"] != "connection_init":
            raise Broken(UNAUTHORIZED, "Unauthorized")
        identity: TokenVerifier = socket.app.state.identity
        token = _token(said.get("payload"))
        try:
            caller = check_user(await identity.verify(token) if token else known)
            self._hub.check_room(caller.user_id)
        except ServiceError as failure:
            code = AGAIN if failure.status == 429 else FORBIDDEN
            raise Broken(code, failure.message[:100]) from failure
        return caller

    async def _go_on(self, socket: WebSocket, caller: Caller) -> None:
        conversation = Conversation(self._hub, caller, socket)
        self._hub.enter(conversation)
        conversation.put("connection_ack")
        count = counting(socket)
        try:
            while (said := await _next(socket)) is not None:
                self._obey(conversation, said, count)
        finally:
            await conversation.leave()

    def _obey(self, conversation: Conversation, said: dict[str, Any], count: Count) -> None:
        match said["type"]:
            case "ping":
                conversation.put("pong")
            case "pong":
                pass
            case "complete":
                task = conversation.operations.get(_id(said))
                if task is not None:
                    task.cancel()
            case "subscribe":
                self._subscribe(conversation, said, count)
            case "connection_init":
                raise Broken(AGAIN, "Too many initialisation requests")
            case _:
                raise Broken(BAD, "Unknown type of message")

    def _subscribe(self, conversation: Conversation, said: dict[str, Any], count: Count) -> None:
        id = _id(said)
        if id in conversation.operations:
            raise Broken(TWICE, f"Subscriber for {id} already exists")
        try:
            prepared = self._prepared(conversation, said.get("payload"), count)
        except ServiceError as failure:
            conversation.put("error", id=id, payload=errors_of(failure))
            return
        task = asyncio.create_task(self._run(conversation, id, prepared))
        conversation.operations[id] = task
        task.add_done_callback(lambda _: conversation.operations.pop(id, None))

    def _prepared(self, conversation: Conversation, said: Any, count: Count) -> Prepared:
        charge(count, 1)
        if len(conversation.operations) >= OPERATIONS:
            message = f"One socket has {OPERATIONS} subscriptions at most."
            raise Refused(message, TOO_COMPLEX, limit="subscriptions", most=OPERATIONS)
        prepared = self._engine.prepare(engine.Request.of(said))
        if prepared.kind != "subscription":
            raise Refused("Queries and mutations are posted.", BAD_REQUEST)
        return prepared

    async def _run(self, conversation: Conversation, id: str, prepared: Prepared) -> None:
        caller = conversation.caller
        reads = Reads(self._desk, caller)
        context = Context(self._desk, caller, reads, conversation.listen)
        try:
            async for answer in self._engine.listen(prepared, context):
                if "data" not in answer:
                    conversation.put("error", id=id, payload=answer["errors"])
                    return
                conversation.put("next", id=id, payload=answer)
        except ServiceError as failure:
            conversation.put("error", id=id, payload=errors_of(failure))
        except Exception:
            log.exception("a subscription failed")
            conversation.put("error", id=id, payload=errors_of(ServiceError(BROKEN)))
        else:
            conversation.put("complete", id=id)


async def _next(socket: WebSocket) -> dict[str, Any] | None:
    """The next message; None when the client has left. Raises `Broken`."""
    received = await socket.receive()
    if received["type"] != "websocket.receive":
        return None
    try:
        said = orjson.loads(received.get("text") or received.get("bytes") or "")
    except orjson.JSONDecodeError as error:
        raise Broken(BAD, "This is not JSON") from error
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise Broken(BAD, "A message needs a type")
    return said


def _id(said: dict[str, Any]) -> str:
    id = said.get("id")
    if not isinstance(id, str) or not 1 <= len(id) <= 100:
        raise Broken(BAD, "This message needs an id")
    return id


def _token(payload: Any) -> str:
    """The token in a first message: `{"Authorization": "Bearer …"}`, in whichever case."""
    said = payload if isinstance(payload, dict) else {}
    given = next((value for name, value in said.items() if name.lower() == "authorization"), "")
    kind, _, token = str(given).partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
