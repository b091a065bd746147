"""The port of the message broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Publisher(Protocol):
    """The port: the sidecar's broker, or a fake that passes the same contract suite."""

    async def publish(self, topic: str, events: Sequence[dict[str, Any]]) -> None: ...
