"""Messages of an ASGI response, changed or sent by middleware."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.types import Message, Send

Headers = list[tuple[bytes, bytes]]

RESPONSE_STARTS = ("http.response.start", "websocket.http.response.start", "websocket.accept")


def with_headers(send: Send, headers: Iterable[tuple[bytes, bytes]]) -> Send:
    """A `send` that adds headers to the response, or to the acceptance of a WebSocket."""

    async def sending(message: Message) -> None:
        if message["type"] in RESPONSE_STARTS:
            message["headers"] = [*message.get("headers", ()), *headers]
        await send(message)

    return sending


def as_websocket_denial(send: Send) -> Send:
    """A `send` that answers a WebSocket handshake with an HTTP response."""

    async def sending(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return sending


async def send_response(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> None:
    """Send a whole response."""
    sized = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})
