"""What everybody's home must show, and whether it does.

It is both the sign that the system has digested what it was told, and the proof that nothing that
was acknowledged got lost.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Iterable, Sequence

from rich.progress import Progress

from bench.client import Client, Person

PAGE = 40
_AT_ONCE = 4
_PAUSE = 0.3
_PATIENCE = 60.0
"""Seconds without any progress after which homes are given up."""


class Homes:
    """The posts that were acknowledged, and whose homes they belong into."""

    def __init__(self, people: Sequence[Person], friends: Sequence[Sequence[int]]) -> None:
        self._people = people
        self._friends = friends
        self._posts: list[list[int]] = [[] for _ in people]

    def posted(self, author: int, id: str) -> None:
        self._posts[author].append(int(id))

    def total(self, person: int) -> int:
        """How many posts belong into somebody's home."""
        return sum(len(self._posts[author]) for author in (person, *self._friends[person]))

    def by(self, author: int) -> int:
        """How many posts somebody has."""
        return len(self._posts[author])

    def expected(self, person: int) -> list[str]:
        """The ids on somebody's newest page."""
        authors = (person, *self._friends[person])
        newest = heapq.nlargest(PAGE, (id for author in authors for id in self._posts[author]))
        return [str(id) for id in newest]

    async def settle(self, client: Client, progress: Progress, title: str) -> list[int]:
        """Wait until every home is as it must be; returns those that never became so."""
        bar = progress.add_task(title, total=len(self._people))
        wrong = list(range(len(self._people)))
        moved = time.monotonic()
        while wrong and time.monotonic() - moved < _PATIENCE:
            still = await self._wrong(client, wrong)
            if len(still) < len(wrong):
                moved = time.monotonic()
            wrong = still
            progress.update(bar, completed=len(self._people) - len(wrong))
            if wrong:
                await asyncio.sleep(_PAUSE)
        return wrong

    async def _wrong(self, client: Client, people: Iterable[int]) -> list[int]:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def is_wrong(person: int) -> bool:
            async with slots:
                return await client.home(self._people[person], PAGE) != self.expected(person)

        checked = list(people)
        verdicts = await asyncio.gather(*(is_wrong(person) for person in checked))
        return [person for person, wrong in zip(checked, verdicts, strict=True) if wrong]
