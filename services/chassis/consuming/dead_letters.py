"""Dead letters: events that cannot be handled are kept with the reason, listed and replayed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.chassis.dapr.state import StateStore
from services.chassis.ids import timestamp
from services.chassis.storage.collection import Collection

MAX_DEAD_LETTERS = 1_000
"""How many dead letters a service keeps; beyond that it drops the oldest."""

_COUNTED_AT_ONCE = 50

COUNT_INTERVAL = 60.0
"""Seconds between two counts of those that other replicas added or removed."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be handled, as it was received. A stored document."""

    id: str
    topic: str
    why: str
    at: str
    event: Any


@dataclass(frozen=True, slots=True)
class DeadLetterIndex:
    """The ids of all dead letters, oldest first. A stored document."""

    ids: list[str] = field(default_factory=list)


class DeadLetters:
    """The dead letters of a service. A repeated event is kept once."""

    def __init__(self, state: StateStore) -> None:
        self._letters = Collection(state, "dead-letter", DeadLetter)
        self._indexes = Collection(state, "dead-letters", DeadLetterIndex)
        self.by_topic: Counter[str] = Counter()
        """How many there are of each topic: as of the last `count`, with what this process did."""
        self._counted: list[str] | None = []
        """The ids that were counted last; None if this process has changed them meanwhile."""

    async def add(self, topic: str, event: Any, why: str) -> None:
        """Keep an event that could not be handled, with the reason."""
        id = hashlib.sha256(orjson.dumps([topic, event])).hexdigest()[:16]
        letter = DeadLetter(id, topic, why, timestamp(), event)
        await self._letters.update(id, lambda kept: kept or letter, expect_absent=True)
        is_new = False
        dropped: list[str] = []

        def append(index: DeadLetterIndex | None) -> DeadLetterIndex:
            nonlocal is_new
            is_new = index is None or id not in index.ids
            ids = [*_without(index, id), id]
            dropped[:] = ids[:-MAX_DEAD_LETTERS]
            return DeadLetterIndex(ids[-MAX_DEAD_LETTERS:])

        await self._indexes.update("all", append)
        self._recount_later(topic, int(is_new))
        for old in dropped:
            await self._letters.delete(old)

    async def all(self) -> list[DeadLetter]:
        """Every dead letter, oldest first. Two state calls."""
        index = await self._indexes.get("all")
        ids = index.ids if index else []
        letters = await self._letters.get_many(ids)
        return [letters[id] for id in ids if id in letters]

    async def count(self) -> None:
        """Count them anew. One state call, and one for every fifty if there are others than before.

        Letters are whole events: few are in memory at the same time.
        """
        index = await self._indexes.get("all")
        ids = index.ids if index else []
        if ids != self._counted:
            found: Counter[str] = Counter()
            for start in range(0, len(ids), _COUNTED_AT_ONCE):
                some = await self._letters.get_many(ids[start : start + _COUNTED_AT_ONCE])
                found.update(letter.topic for letter in some.values())
            self.by_topic, self._counted = found, ids

    def _recount_later(self, topic: str, change: int) -> None:
        """Show a change of this process at once. A count at the same time may have it already."""
        self.by_topic[topic] += change
        self._counted = None

    async def replay(
        self, handle: Callable[[str, Any], Awaitable[None]]
    ) -> tuple[int, dict[str, str]]:
        """Handle every dead letter again.

        Returns how many succeeded, and the errors of the others by id. Those are kept.
        """
        failed: dict[str, str] = {}
        letters = await self.all()
        for letter in letters:
            try:
                await handle(letter.topic, letter.event)
            except Exception as error:
                failed[letter.id] = str(error)
                continue
            await self._remove(letter.id)
            self._recount_later(letter.topic, -1)
        return len(letters) - len(failed), failed

    async def _remove(self, id: str) -> None:
        await self._indexes.update("all", lambda index: DeadLetterIndex(_without(index, id)))
        await self._letters.delete(id)


def _without(index: DeadLetterIndex | None, id: str) -> list[str]:
    return [kept for kept in index.ids if kept != id] if index else []
