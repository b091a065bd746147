"""A connection to Redis: commands in, replies out. For copies; the sidecars have their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

from tools.runner.errors import RunnerError

Argument = str | bytes | int


class RedisConnection:
    """A blocking connection, to a socket's path or to host and port."""

    def __init__(self, address: str | tuple[str, int], password: str, seconds: float) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family)
        self._replies = self._socket.makefile("rb")
        try:
            self._socket.settimeout(seconds)
            self._socket.connect(address)
            if password:
                self.call("AUTH", password)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._replies.close()
        self._socket.close()

    def call(self, *command: Argument) -> Any:
        """Return the reply of one command. Raises RunnerError for an error."""
        return self.pipeline([command])[0]

    def pipeline(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        """Return the replies of some commands, which are sent at once.

        Raises RunnerError for the first error.
        """
        self._socket.sendall(b"".join(map(_encode, commands)))
        return [self._reply() for _ in commands]

    def scan(self, count: int) -> Iterator[list[bytes]]:
        """Yield all keys, some of them at a time."""
        cursor = b"0"
        while True:
            cursor, keys = self.call("SCAN", cursor, "COUNT", count)
            yield keys
            if cursor == b"0":
                return

    def _reply(self) -> Any:
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise RunnerError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RunnerError(f"Redis refuses: {rest.decode(errors='replace')}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._replies.read(size + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest


def _encode(command: tuple[Argument, ...]) -> bytes:
    parts = [each if isinstance(each, bytes) else str(each).encode() for each in command]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
