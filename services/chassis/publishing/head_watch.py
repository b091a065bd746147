"""What consumers ask a producer for, to find out what the broker lost: the heads of its streams.

A question may wait until there is something new, so that a system at rest asks rarely, and a lost
event is noticed sooner than by a poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from services.chassis.publishing.outbox import Outbox

REFRESH_INTERVAL = 2.0
"""Seconds between two looks at the streams of other processes while somebody waits."""

ALONE_INTERVAL = 10.0
"""The same while no other process has a stream: one may begin."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The last sequence number of each stream of some topics; `raw` is their JSON."""

    by_topic: Mapping[str, Mapping[str, int]]
    raw: bytes

    @classmethod
    def of(cls, by_topic: Mapping[str, Mapping[str, int]]) -> Heads:
        """The same numbers always have the same JSON."""
        return cls(by_topic, orjson.dumps(by_topic, option=orjson.OPT_SORT_KEYS))

    @classmethod
    def parse(cls, raw: bytes) -> Heads:
        """The heads that a producer answered."""
        return cls(orjson.loads(raw), raw)

    @property
    def tag(self) -> str:
        """By which a consumer says what it knows: the first 16 hex digits of the JSON's SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]


class HeadWatch:
    """The heads of all topics of a service, for those who wait for new ones.

    A change in this process wakes them at once, one of another process at the next `refresh`.
    """

    def __init__(self, outboxes: Mapping[str, Outbox]) -> None:
        self._outboxes = outboxes
        self.waiting = 0
        """How many wait for news."""
        self._last_look = b""
        """The JSON of the heads at the last look."""
        self._changed = asyncio.Event()
        self._is_closed = False

    async def read(self, topics: Sequence[str], *, known: str = "", wait: float = 0.0) -> Heads:
        """The heads of some topics. While they have the tag `known`, wait some seconds for others.

        Without `wait` those of other processes are read again, at most once in `HEADS_TTL`.
        """
        if not wait:
            return await self._read(topics)
        self.waiting += 1
        try:
            return await self._wait(topics, known, time.monotonic() + wait)
        finally:
            self.waiting -= 1

    async def _wait(self, topics: Sequence[str], known: str, end: float) -> Heads:
        while True:
            changed = self._changed
            heads = await self._read(topics, math.inf)
            left = end - time.monotonic()
            if heads.tag != known or left <= 0 or self._is_closed:
                return heads
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await changed.wait()

    async def _read(self, topics: Sequence[str], max_age: float | None = None) -> Heads:
        found = await asyncio.gather(*(self._outboxes[topic].heads(max_age) for topic in topics))
        return Heads.of(
            {
                topic: {head.stream: head.last for head in heads}
                for topic, heads in zip(topics, found, strict=True)
            }
        )

    async def refresh(self) -> bool:
        """Look at the streams of other processes if somebody waits. One state call.

        Returns whether there may be other processes, by the last look of anybody.
        """
        if self.waiting:
            heads = await self._read(list(self._outboxes), 0)
            if heads.raw != self._last_look:
                self._last_look = heads.raw
                self.wake()
        return any([await outbox.has_other_writers() for outbox in self._outboxes.values()])

    def wake(self) -> None:
        """Have everybody who waits look again."""
        if self.waiting:
            self._changed.set()
            self._changed = asyncio.Event()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self.wake()
