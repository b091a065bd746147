"""A minimal NATS client for the runner."""

import asyncio
import contextlib
import json
import secrets as random
from collections.abc import Awaitable, Callable
from typing import Any

Handler = Callable[[str, str, bytes], Awaitable[None]]
"""Takes subject, reply subject and payload."""


class NatsClient:
    """One connection; `run` reads it until it ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._handlers: dict[str, Handler] = {}
        self._responses: dict[str, asyncio.Future[bytes]] = {}
        self._inbox = f"_INBOX.{random.token_hex(8)}"
        self._tasks: set[asyncio.Future[None]] = set()

    @classmethod
    async def connect(cls, port: int, user: str, password: str) -> "NatsClient":
        """Connect to a server on the loopback address.

        Raises OSError if nothing listens, and ConnectionError if the server refuses the login.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16_000_000)
        await reader.readline()  # INFO
        options = {"verbose": False, "pedantic": False, "user": user, "pass": password}
        options |= {"lang": "python", "version": "1", "name": "runner", "protocol": 1}
        writer.write(f"CONNECT {json.dumps(options)}\r\nPING\r\n".encode())
        answer = await reader.readline()
        if answer.strip() != b"PONG":
            writer.close()
            await writer.wait_closed()
            raise ConnectionError(answer.decode(errors="replace").strip())
        client = cls(reader, writer)
        client.subscribe(f"{client._inbox}.*", client._on_response)
        return client

    def subscribe(self, subject: str, handler: Handler) -> None:
        """Call the handler in a new task for every message on the subject."""
        sid = str(len(self._handlers) + 1)
        self._handlers[sid] = handler
        self._writer.write(f"SUB {subject} {sid}\r\n".encode())

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Send a message."""
        head = f"PUB {subject} {reply} {len(payload)}\r\n".replace("  ", " ")
        self._writer.write(head.encode() + payload + b"\r\n")

    async def request(self, subject: str, payload: Any, seconds: float = 5.0) -> dict[str, Any]:
        """Send a request and return its response, both JSON."""
        reply = f"{self._inbox}.{random.token_hex(8)}"
        answer = self._responses[reply] = asyncio.get_running_loop().create_future()
        self.publish(subject, json.dumps(payload).encode(), reply)
        try:
            async with asyncio.timeout(seconds):
                found: dict[str, Any] = json.loads(await answer)
                return found
        finally:
            del self._responses[reply]

    async def _on_response(self, subject: str, _reply: str, payload: bytes) -> None:
        waiting = self._responses.get(subject)
        if waiting is not None and not waiting.done():
            waiting.set_result(payload)

    async def run(self) -> None:
        """Read messages until the connection ends."""
        while line := await self._reader.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if word == "MSG":
                await self._read_message(rest.split(" "))
            elif word == "PING":
                self._writer.write(b"PONG\r\n")

    async def _read_message(self, words: list[str]) -> None:
        subject, sid, reply = words[0], words[1], words[2] if len(words) == 4 else ""
        payload = (await self._reader.readexactly(int(words[-1]) + 2))[:-2]
        task = asyncio.ensure_future(self._handlers[sid](subject, reply, payload))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
