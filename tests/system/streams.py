"""Clients of streams: Mastodon.py's listener, a bare WebSocket, and bare server-sent events."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from mastodon import StreamListener
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.mastodon import schemas
from tests.system.users import LoggedInUser
from tests.system.waiting import DEADLINE, wait_until

_ENTITIES = {"update": "Status", "status.update": "Status", "notification": "Notification"}
_EVENT = re.compile(rb"event: (.+)\ndata: (.+)\n\n")
_SENTENCE = {"type": "a frame that is wrong", "stream": "user"}

Event = tuple[str, Any]


class MastodonListener(StreamListener):
    """Keeps what Mastodon.py receives, and holds the entities to their schemas."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.connected = threading.Event()

    def handle_heartbeat(self) -> None:
        self.connected.set()

    def on_any_event(self, name: str, data: Any = None, for_stream: Any = None) -> None:
        del for_stream
        self.events.append((name, data))

    def received(
        self, name: str, match: Callable[[Any], object], deadline: float = DEADLINE
    ) -> Any:
        """The first event of a name that matches, once it is there."""

        def found() -> list[Any]:
            return [data for kind, data in self.events if kind == name and match(data)]

        return wait_until(found, deadline, f"{name} among {[kind for kind, _ in self.events]}")[0]


@contextmanager
def mastodon_listener(
    person: LoggedInUser, stream: str = "user", *arguments: Any, **more: Any
) -> Iterator[MastodonListener]:
    """Mastodon.py listening in a thread: `stream_user`, `stream_hashtag`…"""
    ear = MastodonListener()
    listen = getattr(person.client, f"stream_{stream}")
    handle = listen(*arguments, ear, run_async=True, **more)
    try:
        assert ear.connected.wait(20), "the stream has not begun"
        yield ear
    finally:
        _close(handle)


def _close(handle: Any) -> None:
    """Close a stream whose thread is reading: `close` alone would wait for the next heartbeat.

    The thread gives its connection back to the session of the person, and closes it. A request of
    the person at that moment could get the same connection, so this waits for the thread's end.
    """
    handle.closed = True
    if handle.connection is not None:
        with suppress(RuntimeError, ValueError):  # the server has ended it
            handle.connection.raw.shutdown()
    handle._thread.join(DEADLINE)
    handle.close()


class WebSocketClient:
    """A WebSocket. `frames` are all that came, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []

    def send(self, **frame: Any) -> None:
        """Send a frame."""
        self.connection.send(json.dumps(frame))

    def settle(self) -> None:
        """Return when the server has done all that it was sent: it answers in order."""
        self.connection.send(json.dumps(_SENTENCE))
        while "error" not in self.next():
            pass

    def next(self, deadline: float = DEADLINE) -> dict[str, Any]:
        """The next frame, its entity held to its schema."""
        frame: dict[str, Any] = json.loads(self.connection.recv(timeout=deadline))
        self.frames.append(frame)
        if "event" in frame:
            assert set(frame) == {"stream", "event", "payload"}
            entity = _ENTITIES.get(frame["event"])
            if entity:
                schemas.check(entity, json.loads(frame["payload"]))
        return frame

    def received(self, name: str, text: str, stream: list[str] | None = None) -> Any:
        """The payload of the first frame of an event that has a text in it."""
        while True:
            frame = self.next()
            right = frame.get("event") == name and text in frame["payload"]
            if right and (stream is None or frame["stream"] == stream):
                return json.loads(frame["payload"])

    def closed(self, deadline: float) -> int:
        """Read until the server closes it, and return its code."""
        try:
            while True:
                self.next(deadline)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@contextmanager
def websocket_client(
    base: str, token: str, *, by: str = "header", query: str = "", slash: str = ""
) -> Iterator[WebSocketClient]:
    """A WebSocket with its token passed in one of the three ways: header, query, protocol."""
    address = base.replace("http", "ws", 1) + "/api/v1/streaming" + slash
    asked = [f"access_token={token}"] if by == "query" else []
    asked += [query] if query else []
    with connect(
        f"{address}?{'&'.join(asked)}",
        additional_headers={"Authorization": f"Bearer {token}"} if by == "header" else None,
        subprotocols=[Subprotocol(token)] if by == "protocol" else None,
        open_timeout=20,
        proxy=None,
    ) as connection:
        yield WebSocketClient(connection)


def updated_ids(events: Iterable[Event]) -> set[str]:
    """The ids of the posts that some events, with payloads as text, bring."""
    return {json.loads(payload)["id"] for name, payload in events if name == "update"}


class EventStreamClient:
    """Server-sent events: what comes waits in the kernel until it is read."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._got = b""

    @property
    def events(self) -> list[Event]:
        """What was read: each event by its name, with its payload as text."""
        return [(name.decode(), payload.decode()) for name, payload in _EVENT.findall(self._got)]

    def wait_until_open(self) -> None:
        """Return when the server listens for us."""
        self._read(lambda: b":)\n" in self._got, 20.0)

    def collect(self, posts: set[str], deadline: float = DEADLINE) -> list[Event]:
        """Read until some posts have come, and then what else has; entities held to schemas."""
        self._read(lambda: posts <= updated_ids(self.events), deadline)
        self._connection.setblocking(False)
        with suppress(BlockingIOError):
            while got := self._connection.recv(65536):
                self._got += got
        for name, payload in self.events:
            if name in _ENTITIES:
                schemas.check(_ENTITIES[name], json.loads(payload))
        return self.events

    def _read(self, enough: Callable[[], object], deadline: float) -> None:
        self._connection.settimeout(deadline)
        while not enough():
            got = self._connection.recv(65536)
            assert got, f"the stream has ended: {self._got.decode()}"
            self._got += got


@contextmanager
def event_stream_client(base: str, token: str, path: str) -> Iterator[EventStreamClient]:
    """Server-sent events by their address."""
    server = urlsplit(base)
    lines = (f"GET {path} HTTP/1.1", f"Host: {server.netloc}", f"Authorization: Bearer {token}")
    with socket.create_connection((server.hostname or "", server.port or 80), 20) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        tap = EventStreamClient(connection)
        tap.wait_until_open()
        yield tap
