"""HTTP/1.1 of the server: uvicorn's httptools protocol with limits in bytes, number and time.

uvicorn bounds none of them: one connection could fill the memory, a silent or slow one could stay
open for ever, and a body in pieces of one byte costs a callback for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""The longest head of a request, and the longest trailer after its body."""

MAX_TARGET_BYTES = 8 * 1024
"""The longest path with its query string. Parsing the shortest parameters takes 0.7 µs each."""

MAX_HEADERS = 100
"""Header lines of a request. Every look-up of a header passes all of them."""

HEAD_TIMEOUT = 20.0
"""Seconds from the first byte of a head to its last."""

BODY_INTERVAL = 30.0
"""Seconds after which a body that is not complete is looked at again."""

MIN_BODY_BYTES = 128 * 1024
"""Bytes of a body that must arrive in each `BODY_INTERVAL`: 4.4 KB/s, which a phone has on EDGE.

A form has to arrive within one interval, and the largest picture within 64 minutes."""

MAX_PIECES, MIN_PIECE_BYTES = 1_000, 256
"""A body may come in so many pieces, and in one more for each `MIN_PIECE_BYTES` of it."""

MAX_DISCARDED_BYTES = 24 * 1024 * 1024
"""Bytes of a body that are still read after its response, as many as the largest upload has.

So a client that sends all before it reads sees the response, and can use the connection again.
"""


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with the transport in the scope, and limited heads and bodies.

    A connection without a request may be idle for as long as uvicorn's `timeout_keep_alive`. What
    exceeds a limit in size gets a 400, and what is too slow is cut off.
    """

    _head_bytes = 0
    """Bytes received since the end of the last head or piece of a body."""

    _in_body = False
    _pieces = _body_bytes = _discarded_bytes = 0
    _body_bytes_seen = 0
    """`_body_bytes` at the beginning of the interval."""

    _phase = ""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._enter("idle")

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The head of the request is too large.")
        self._enter("body" if self._in_body else "head" if self._head_bytes else "")

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter("")
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            raise ValueError("The address is too long.")  # the parser answers 400, as below

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            raise ValueError("The request has too many headers.")

    def on_headers_complete(self) -> None:
        self._head_bytes = self._pieces = self._body_bytes = self._discarded_bytes = 0
        self._in_body = not self.parser.should_upgrade()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > MAX_PIECES + self._body_bytes // MIN_PIECE_BYTES:
            raise ValueError("The body comes in too small pieces.")
        super().on_body(body)
        if self.cycle is not None and self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > MAX_DISCARDED_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._in_body = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._head_bytes = 0
        super().handle_websocket_upgrade()

    # ── time ────────────────────────────────────────────────────────────────────────────────

    def _enter(self, phase: str) -> None:
        """Begin the time of what is received now. A request that comes whole needs no timer."""
        if phase == self._phase:
            return
        self._phase = phase
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if phase == "idle":
            self._after(self.timeout_keep_alive, self.transport.abort)
        elif phase == "head":
            self._after(min(HEAD_TIMEOUT, self.timeout_keep_alive), self.transport.abort)
        elif phase == "body":
            self._body_bytes_seen = 0
            self._after(BODY_INTERVAL, self._check_pace)

    def _check_pace(self) -> None:
        """Cut off a body that is too slow, unless its reader makes it wait."""
        arrived = self._body_bytes - self._body_bytes_seen
        if arrived < MIN_BODY_BYTES and not self.flow.read_paused:
            self.transport.abort()
            return
        self._body_bytes_seen = self._body_bytes
        self._after(BODY_INTERVAL, self._check_pace)

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._timer = self.loop.call_later(seconds, then)
