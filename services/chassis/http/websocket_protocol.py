"""WebSocket of the server: uvicorn's protocol with limits, and without its failures.

uvicorn 0.54 logs a fault for text that is not UTF-8, and raises if it comes with a close frame or
if a handshake cannot be parsed. It keeps any number of empty fragments of a message, and the pongs
for a client that does not read them.
"""

from __future__ import annotations

import time
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_INTERVAL = 20.0
"""Seconds between the pings of a WebSocket, and how long its peer may take to answer."""

MAX_FRAME_BYTES = 16 * 1024
"""The longest message that a client may send over a WebSocket."""

FRAME_BURST, FRAMES_PER_SECOND = 200, 5.0
"""Frames of any kind that a client may send at once, and how fast it may send on.

A client subscribes to 50 channels at once, and needs one pong in 20 seconds."""

MAX_UNREAD_BYTES = 64 * 1024
"""Bytes that may wait for a client that sends pings."""

INVALID_TEXT, POLICY = 1007, 1008
"""Close codes (RFC 6455, 7.4.1)."""


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with the transport in the scope, and limited frames."""

    _allowed = float(FRAME_BURST)
    _counted_at = 0.0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.close()  # the handshake could not be read, and nothing else happens

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # missing if the handshake was refused
            self.scope["state"]["transport"] = self.transport

    def handle_text(self, event: Any) -> None:
        if self._admit():
            super().handle_text(event)

    def handle_bytes(self, event: Any) -> None:
        if self._admit():
            super().handle_bytes(event)

    def handle_cont(self, event: Any) -> None:
        if self._admit():
            super().handle_cont(event)

    def handle_pong(self, event: Any) -> None:
        if self._admit():
            super().handle_pong(event)

    def handle_ping(self) -> None:
        if self._admit():
            super().handle_ping()
            if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
                self.transport.abort()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self._fail(INVALID_TEXT)
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:  # the handshake was not read, or the client went away
            self.transport.close()
        else:
            super().handle_parser_exception()

    def _admit(self) -> bool:
        """Count a frame. A client that sends too many is cut off."""
        if self.close_sent:
            return False
        now = time.monotonic()
        earned = (now - self._counted_at) * FRAMES_PER_SECOND
        self._allowed = min(FRAME_BURST, self._allowed + earned) - 1
        self._counted_at = now
        if self._allowed < 0:
            self._fail(POLICY)
        return self._allowed >= 0

    def _fail(self, code: int) -> None:
        self.frames = []
        self.conn.fail(code)
        self.handle_parser_exception()

    async def send(self, message: Any) -> None:
        if self.disconnected or self.close_sent:
            if message["type"] == "websocket.send":
                raise ClientDisconnected
            return  # nobody is there to be accepted, refused or told
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn logs the refusal as a fault


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
