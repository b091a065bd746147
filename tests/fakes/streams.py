"""Opens streams of an ASGI application in this process."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.types import ASGIApp, Message

from tests.fakes.waiting import until


class FakeTransport:
    """A minimal transport for streams."""

    def __init__(self) -> None:
        self.aborted = asyncio.Event()

    def get_extra_info(self, name: str) -> None:
        del name

    def is_closing(self) -> bool:
        return self.aborted.is_set()

    def abort(self) -> None:
        self.aborted.set()


class FakeStream:
    """One open stream: what was sent, and what the client says."""

    def __init__(self, *, socket: bool) -> None:
        self._socket = socket
        self.transport = FakeTransport()
        self.sent: list[Message] = []
        self.reads = asyncio.Event()
        """Cleared, the client takes nothing more."""
        self.reads.set()
        self.over = asyncio.Event()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        return await self._said.get()

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.append(message)
        kind = message["type"]
        last = kind.endswith("response.body") and not message.get("more_body")
        if last or kind == "websocket.close":
            self.leave()

    def say(self, message: Message) -> None:
        """Have the client say something."""
        self._said.put_nowait(message)

    def frame(self, **frame: Any) -> None:
        """Have the client send a frame."""
        self.say({"type": "websocket.receive", "text": orjson.dumps(frame).decode()})

    def leave(self) -> None:
        """Have the client go."""
        kind = "websocket" if self._socket else "http"
        self.say({"type": f"{kind}.disconnect", "code": 1005})

    @property
    def status(self) -> int:
        """With what it was answered; 101 for a WebSocket that was accepted."""
        for message in self.sent:
            if message["type"] == "websocket.accept":
                return 101
            if message["type"].endswith("response.start"):
                return int(message["status"])
        return 0

    @property
    def text(self) -> str:
        """All that came, of server-sent events."""
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    @property
    def frames(self) -> list[Any]:
        """All frames that came over a WebSocket."""
        return [orjson.loads(m["text"]) for m in self.sent if m["type"] == "websocket.send"]

    @property
    def events(self) -> list[tuple[str, Any]]:
        """All events that came, with their payloads; ids as numbers."""
        if self._socket:
            frames = [frame for frame in self.frames if "event" in frame]
            return [(frame["event"], orjson.loads(frame["payload"])) for frame in frames]
        blocks = [block.partition("\ndata: ") for block in self.text.split("\n\n")]
        heads = [(head.rpartition("event: ")[2], data) for head, data_is, data in blocks if data_is]
        return [(head, orjson.loads(data)) for head, data in heads]

    async def received(self, event: str, count: int = 1) -> Any:
        """The payload of the newest event of a kind, once so many are there."""
        await until(lambda: [kind for kind, _ in self.events].count(event) >= count)
        return [data for kind, data in self.events if kind == event][-1]


@asynccontextmanager
async def stream(
    app: ASGIApp,
    target: str,
    token: str = "",
    *,
    socket: bool = False,
    headers: Mapping[str, str] | None = None,
    subprotocols: list[str] | None = None,
) -> AsyncIterator[FakeStream]:
    """Open a stream, and be there until it has answered; at the end the client leaves."""
    path, _, query = target.partition("?")
    sent = {"host": "127.0.0.1:8080", **(headers or {})}
    if token:
        sent["authorization"] = f"Bearer {token}"
    opened = FakeStream(socket=socket)
    scope: dict[str, Any] = {
        "type": "websocket" if socket else "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        **({"subprotocols": subprotocols or []} if socket else {"method": "GET"}),
        "scheme": "ws" if socket else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "state": {"transport": opened.transport},
        "extensions": {"websocket.http.response": {}},
    }
    if socket:
        opened.say({"type": "websocket.connect"})

    async def run() -> None:
        try:
            await app(scope, opened.receive, opened.send)
        finally:
            opened.over.set()

    task = asyncio.create_task(run(), context=contextvars.Context())
    try:
        await until(lambda: opened.status or task.done())
        yield opened
    finally:
        opened.reads.set()
        opened.leave()
        await asyncio.wait_for(task, 30)
