"""One connection with one request in flight: raw HTTP/1.1, callbacks only.

The load generator shares the machine with the measured system. A connection spends about 20 µs per
request; an aiohttp client spends 70 to 90.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import httptools

from bench.requests import PreparedRequest

RequestSource = Callable[[], PreparedRequest]

_MAX_SAMPLES = 20


@dataclass(slots=True)
class ResponseStats:
    """The statistics of all connections of a cell."""

    took: list[float] = field(default_factory=list)
    """The latency of each correct response, in seconds."""
    posted: list[tuple[int, str]] = field(default_factory=list)
    """(author, id of the post)."""
    errors: int = 0
    samples: list[str] = field(default_factory=list)

    def add_error(self, why: str) -> None:
        self.errors += 1
        if len(self.samples) < _MAX_SAMPLES:
            self.samples.append(why)


class HttpConnection(asyncio.Protocol):
    """Sends the next request as soon as one is answered, until its end time."""

    def __init__(self, draw: RequestSource, stats: ResponseStats, ends: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._draw = draw
        self._stats = stats
        self._ends_at = ends
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def start(self) -> None:
        """Send the first request over the open connection."""
        self._next()

    # ── asyncio's side ──────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._stop(f"not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(f"the connection was closed: {exc or 'without a word'}")

    # ── httptools' side ─────────────────────────────────────────────────────────────────────

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        now = perf_counter()
        body = b"".join(self._body)
        self._body.clear()
        request = self._request
        fault = request.check(self._parser.get_status_code(), body)
        if fault:
            self._stats.add_error(fault)
        elif request.follow_up is not None:
            self._send(request.follow_up(body))
            return
        else:
            self._stats.took.append(now - self._started_at)
            if request.author >= 0:
                self._stats.posted.append((request.author, body[7 : body.index(b'"', 7)].decode()))
        if now < self._ends_at:
            self._next()
        else:
            self._stop("")

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    def _next(self) -> None:
        request = self._draw()
        self._started_at = perf_counter()
        self._send(request)

    def _send(self, request: PreparedRequest) -> None:
        self._request = request
        self._transport.write(request.payload)

    def _stop(self, why: str) -> None:
        if self.done.done():
            return
        if why:
            self._stats.add_error(why)
        self.done.set_result(None)
        self._transport.close()


async def connect(
    host: str, port: int, draw: RequestSource, stats: ResponseStats, seconds: float
) -> HttpConnection:
    """Return an open connection that ends after some seconds."""
    loop = asyncio.get_running_loop()
    ends = perf_counter() + seconds
    _, connection = await loop.create_connection(
        lambda: HttpConnection(draw, stats, ends), host, port
    )
    return connection
