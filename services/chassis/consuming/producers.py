"""What a consumer asks the producers of its topics: over the network, or in its own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.chassis.publishing.outbox import Outbox, read_heads

Heads = Mapping[str, int]
"""The last sequence number of each stream of a topic."""


class Producers:
    """The producers of all topics; `outboxes` are those of this process, by topic."""

    def __init__(self, dapr: DaprClient, outboxes: Mapping[str, Outbox]) -> None:
        self._dapr = dapr
        self._outboxes = outboxes

    async def heads(self, producer: str, topics: Sequence[str]) -> Mapping[str, Heads]:
        """The last numbers of the streams of some topics of one producer."""
        if all(topic in self._outboxes for topic in topics):
            return await read_heads({topic: self._outboxes[topic] for topic in topics})
        reply = await self._dapr.invoke(producer, "changes", params={"topics": ",".join(topics)})
        heads: dict[str, Heads] = reply.json()
        return heads

    async def changes(
        self, producer: str, topic: str, stream: str, *, after: int, limit: int
    ) -> tuple[list[Any], int]:
        """The events of a stream after a number, and the number up to which that is settled."""
        if topic in self._outboxes:
            return await self._outboxes[topic].changes_since(stream, after, limit)
        reply = await self._dapr.invoke(
            producer,
            f"changes/{topic}/{stream}",
            params={"after": str(after), "limit": str(limit)},
        )
        answer = reply.json()
        return answer["events"], answer["settled"]
