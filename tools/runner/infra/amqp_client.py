"""The few words of AMQP 0-9-1 that the runner speaks: is a login right, how long are queues."""

import contextlib
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tools.runner.config.secrets import credentials

Method = tuple[int, int]
"""Class and method, as the specification numbers them."""

_START_OK: Method = (10, 11)
_TUNE: Method = (10, 30)
_TUNE_OK: Method = (10, 31)
_OPEN: Method = (10, 40)
_CLOSE: Method = (10, 50)
_CHANNEL_OPEN: Method = (20, 10)
_CHANNEL_CLOSE: Method = (20, 40)
_CHANNEL_CLOSE_OK: Method = (20, 41)
_DECLARE: Method = (50, 10)

_PORT = 5672
_TIMEOUT = 3.0
_MAX_FRAME = 1_000_000
_PASSIVE = 1
"""The flag of a declaration that asks only whether a queue exists."""


def accepts(url: str) -> bool:
    """Return whether a server at this address accepts this login (up to Tune)."""
    with contextlib.suppress(OSError), _Connection(url):
        return True
    return False


def queue_lengths(url: str, queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages wait in each queue that exists, one request for each.

    Messages that a consumer has and did not acknowledge do not count. Raises OSError if the server
    does not answer or refuses the login.
    """
    lengths = {}
    with _Connection(url) as connection:
        connection.open()
        for name in queues:
            arguments = struct.pack(">H", 0) + _short(name) + bytes([_PASSIVE]) + bytes(4)
            method, answer = connection.call(_DECLARE, arguments, channel=1)
            if method == _CHANNEL_CLOSE:  # there is no such queue
                connection.send(_CHANNEL_CLOSE_OK, b"", channel=1)
                connection.call(_CHANNEL_OPEN, b"\0", channel=1)
                continue
            (lengths[name],) = struct.unpack_from(">I", answer, 1 + answer[0])
        connection.call(_CLOSE, struct.pack(">H", 200) + _short("") + bytes(4))
    return lengths


class _Connection:
    """A connection that is logged in. Every broken answer is a ConnectionError."""

    def __init__(self, url: str) -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", urlsplit(url).port or _PORT), timeout=_TIMEOUT
        )
        self._file = self._socket.makefile("rb")
        try:
            self._log_in(*credentials(url))
        except OSError:
            self.close()
            raise

    def _log_in(self, user: str, secret: str) -> None:
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._receive()
        response = f"\0{user}\0{secret}".encode()
        length = struct.pack(">I", len(response))
        arguments = bytes(4) + _short("PLAIN") + length + response + _short("en_US")
        method, self._limits = self.call(_START_OK, arguments)
        if method != _TUNE:
            raise ConnectionError("the server refuses the login")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._file.close()
        self._socket.close()

    def open(self) -> None:
        """Open the standard virtual host, and channel 1. No heartbeats: it is closed soon."""
        channels, frame = struct.unpack_from(">HI", self._limits)
        self.send(_TUNE_OK, struct.pack(">HIH", channels, frame, 0))
        self.call(_OPEN, _short("/") + _short("") + b"\0")
        self.call(_CHANNEL_OPEN, b"\0", channel=1)

    def call(self, method: Method, arguments: bytes, channel: int = 0) -> tuple[Method, bytes]:
        """Send a method, and return the next one of the server with its arguments."""
        self.send(method, arguments, channel)
        return self._receive()

    def send(self, method: Method, arguments: bytes, channel: int = 0) -> None:
        """Send a method."""
        body = struct.pack(">HH", *method) + arguments
        self._socket.sendall(struct.pack(">BHI", 1, channel, len(body)) + body + b"\xce")

    def _receive(self) -> tuple[Method, bytes]:
        try:
            _, _, size = struct.unpack(">BHI", self._file.read(7))
            body = self._file.read(min(size, _MAX_FRAME) + 1)[:-1]
            return struct.unpack_from(">HH", body), body[4:]
        except struct.error:
            raise ConnectionError("the server does not speak AMQP 0-9-1") from None


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded
