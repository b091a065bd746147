"""What everybody's home must show, and whether it does.

It is both the sign that the system has digested what it was told, and the proof that nothing that
was acknowledged got lost.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Sequence
from functools import partial

from rich.progress import Progress, TaskID

from bench.client import Client, Person
from bench.quiet import Gauge

PAGE = 40
_AT_ONCE = 4
_PAUSE = 0.3
_SAMPLE = 12
_PATIENCE = 60.0
"""Seconds without any progress, at rest, after which homes are given up."""


class Homes:
    """The posts that were acknowledged, and whose homes they belong into."""

    def __init__(self, people: Sequence[Person], friends: Sequence[Sequence[int]]) -> None:
        self._people = people
        self._friends = friends
        self._posts: list[list[int]] = [[] for _ in people]

    def posted(self, author: int, id: str) -> None:
        self._posts[author].append(int(id))

    def posts(self) -> list[str]:
        """The ids of all posts."""
        return [str(id) for ids in self._posts for id in ids]

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

    async def settle(
        self, client: Client, progress: Progress, title: str, gauge: Gauge
    ) -> list[int]:
        """Wait until every home is as it must be; returns those that never became so.

        A few homes are asked again and again, and all of them once those are right: to ask takes
        the processor from what is waited for. Given up are homes in which nothing new shows for a
        minute while the system is at rest.
        """
        everybody = range(len(self._people))
        for people in (everybody[:: max(1, len(everybody) // _SAMPLE)], everybody):
            bar = progress.add_task(title, total=sum(len(self.expected(p)) for p in people))
            wrong = await self._settled(client, people, gauge, partial(_show, progress, bar))
            if wrong:
                return wrong
            if people is not everybody:
                progress.remove_task(bar)
        return []

    async def _settled(
        self, client: Client, people: Sequence[int], gauge: Gauge, show: Callable[[int], None]
    ) -> list[int]:
        lacking = {person: len(self.expected(person)) for person in people}
        total = sum(lacking.values())
        moved = time.monotonic()
        while True:
            before = sum(lacking.values())
            lacking |= await self._lacking(client, [p for p, count in lacking.items() if count])
            left = sum(lacking.values())
            show(total - left)
            if left < before or not gauge.is_calm():
                moved = time.monotonic()
            if not left or time.monotonic() - moved > _PATIENCE:
                return [person for person, count in lacking.items() if count]
            await asyncio.sleep(_PAUSE)

    async def _lacking(self, client: Client, people: Sequence[int]) -> dict[int, int]:
        """How many posts each home lacks; one that shows too many or a wrong order lacks one."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def look(person: int) -> int:
            async with slots:
                shown = await client.home(self._people[person], PAGE)
            expected = self.expected(person)
            return len(set(expected) - set(shown)) or int(shown != expected)

        return dict(zip(people, await asyncio.gather(*map(look, people)), strict=True))


def _show(progress: Progress, bar: TaskID, shown: int) -> None:
    progress.update(bar, completed=shown)
