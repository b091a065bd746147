"""Events as they are sent: encoded once, and shared by all recipients."""

from __future__ import annotations

from typing import Any

import orjson

Names = tuple[str, ...]

HELLO, HEARTBEAT = b":)\n", b":thump\n"
"""Comments of server-sent events: the first one, and the heartbeat."""


class StreamEvent:
    """An event with its payload: an entity as JSON, or an id.

    `source` is what it was rendered from: a post with its authors, or a notification.
    """

    __slots__ = ("_frames", "event", "payload", "source", "sse")

    def __init__(self, event: str, payload: bytes, about: Any = None) -> None:
        self.event = event
        self.payload = payload
        self.source = about
        self._frames: dict[Names, str] = {}
        self.sse = b"event: %b\ndata: %b\n\n" % (event.encode(), payload)

    def frame(self, names: Names) -> str:
        """The text of a WebSocket frame for one stream of the client."""
        found = self._frames.get(names)
        if found is None:
            message = {"stream": names, "event": self.event, "payload": self.payload.decode()}
            found = self._frames[names] = orjson.dumps(message).decode()
        return found


def error_frame(message: str, status: int) -> str:
    """The text of a frame that reports an error in a frame of the client."""
    return orjson.dumps({"error": message, "status": status}).decode()
