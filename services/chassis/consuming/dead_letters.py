"""Events that cannot be handled: kept with the reason, listed, and replayed when that is mended."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.chassis.dapr.state import StateStore
from services.chassis.ids import timestamp
from services.chassis.storage.collection import Collection

MAX_DEAD_LETTERS = 1_000
"""How many letters a service keeps: beyond that the oldest go."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A poisonous event, as it came."""

    id: str
    topic: str
    why: str
    at: str
    event: Any


@dataclass(frozen=True, slots=True)
class DeadLetterIndex:
    """The ids of all letters, oldest first."""

    ids: list[str] = field(default_factory=list)


class DeadLetters:
    """A service's dead letters. The same event is kept once, however often it came."""

    def __init__(self, state: StateStore) -> None:
        self._letters = Collection(state, "dead-letter", DeadLetter)
        self._shelves = Collection(state, "dead-letters", DeadLetterIndex)

    async def add(self, topic: str, event: Any, why: str) -> None:
        """Keep an event that cannot be handled."""
        id = hashlib.sha256(orjson.dumps([topic, event])).hexdigest()[:16]
        letter = DeadLetter(id, topic, why, timestamp(), event)
        await self._letters.update(id, lambda kept: kept or letter, expect_absent=True)
        dropped: list[str] = []

        def shelve(shelf: DeadLetterIndex | None) -> DeadLetterIndex:
            ids = [*_without(shelf, id), id]
            dropped[:] = ids[:-MAX_DEAD_LETTERS]
            return DeadLetterIndex(ids[-MAX_DEAD_LETTERS:])

        await self._shelves.update("all", shelve)
        for old in dropped:
            await self._letters.delete(old)

    async def all(self) -> list[DeadLetter]:
        """Every letter, oldest first. Two state calls."""
        shelf = await self._shelves.get("all")
        ids = shelf.ids if shelf else []
        letters = await self._letters.get_many(ids)
        return [letters[id] for id in ids if id in letters]

    async def replay(
        self, handle: Callable[[str, Any], Awaitable[None]]
    ) -> tuple[int, dict[str, str]]:
        """Handle every letter again; returns how many went well, and why the others did not."""
        failed: dict[str, str] = {}
        letters = await self.all()
        for letter in letters:
            try:
                await handle(letter.topic, letter.event)
            except Exception as error:
                failed[letter.id] = str(error)
                continue
            await self._forget(letter.id)
        return len(letters) - len(failed), failed

    async def _forget(self, id: str) -> None:
        await self._shelves.update("all", lambda shelf: DeadLetterIndex(_without(shelf, id)))
        await self._letters.delete(id)


def _without(shelf: DeadLetterIndex | None, id: str) -> list[str]:
    return [kept for kept in shelf.ids if kept != id] if shelf else []
