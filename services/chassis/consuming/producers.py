"""What a consumer asks the producers of its topics: over the network, or in its own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.chassis.publishing.head_watch import Heads, HeadWatch
from services.chassis.publishing.outbox import Outbox

ANSWER_TIMEOUT = 5.0
"""Seconds for an answer, beyond those for which it may be held back."""


class Producers:
    """The producers of all topics; `outboxes` are those of this process, by topic."""

    def __init__(
        self, dapr: DaprClient, outboxes: Mapping[str, Outbox], own_heads: HeadWatch
    ) -> None:
        self._dapr = dapr
        self._outboxes = outboxes
        self._own_heads = own_heads

    async def heads(
        self, producer: str, topics: Sequence[str], *, known: str = "", wait: float = 0.0
    ) -> Heads:
        """The last numbers of the streams of some topics of one producer.

        While they have the tag `known`, it waits up to some seconds for others.
        """
        if all(topic in self._outboxes for topic in topics):
            return await self._own_heads.read(topics, known=known, wait=wait)
        waiting = {"known": known, "wait": str(wait)} if wait else {}
        reply = await self._dapr.invoke(
            producer,
            "changes",
            params={"topics": ",".join(topics)} | waiting,
            deadline=wait + ANSWER_TIMEOUT,
        )
        return Heads.parse(reply.body)

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
