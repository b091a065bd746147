"""Verifies every home timeline.

A complete home timeline shows that all events are processed, and that no acknowledged post is lost.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Sequence
from functools import partial

from rich.progress import Progress, TaskID

from bench.api_client import BenchClient, BenchPerson
from bench.idle import IdleDetector
from bench.requests import id_order

PAGE_SIZE = 40
_CONCURRENCY = 4
_POLL_INTERVAL = 0.3
_SAMPLE_SIZE = 12
_STALL_TIMEOUT = 60.0
"""Seconds without progress in an idle system after which waiting ends."""


class HomeVerifier:
    """The acknowledged posts, and the home timelines that must show them."""

    def __init__(self, people: Sequence[BenchPerson], friends: Sequence[Sequence[int]]) -> None:
        self._people = people
        self._friends = friends
        self._posts: list[list[str]] = [[] for _ in people]

    def record_post(self, author: int, id: str) -> None:
        self._posts[author].append(id)

    def post_ids(self) -> list[str]:
        """Return the ids of all posts."""
        return [id for ids in self._posts for id in ids]

    def home_size(self, person: int) -> int:
        """Return the number of posts in a home timeline."""
        return sum(len(self._posts[author]) for author in (person, *self._friends[person]))

    def post_count(self, author: int) -> int:
        """Return the number of posts of a user."""
        return len(self._posts[author])

    def expected_page(self, person: int) -> list[str]:
        """Return the expected ids of the first page of a home timeline."""
        authors = (person, *self._friends[person])
        posts = (id for author in authors for id in self._posts[author])
        return heapq.nlargest(PAGE_SIZE, posts, key=id_order)

    async def wait_until_complete(
        self, client: BenchClient, progress: Progress, title: str, detector: IdleDetector
    ) -> list[int]:
        """Wait until every home timeline is complete; return those that never became so.

        A sample is polled, and all of them once the sample is complete, because requests slow the
        system down. Waiting ends after a minute without progress in an idle system.
        """
        everybody = range(len(self._people))
        for people in (everybody[:: max(1, len(everybody) // _SAMPLE_SIZE)], everybody):
            bar = progress.add_task(title, total=sum(len(self.expected_page(p)) for p in people))
            wrong = await self._wait_for_homes(
                client, people, detector, partial(_show, progress, bar)
            )
            if wrong:
                return wrong
            if people is not everybody:
                progress.remove_task(bar)
        return []

    async def _wait_for_homes(
        self,
        client: BenchClient,
        people: Sequence[int],
        detector: IdleDetector,
        show: Callable[[int], None],
    ) -> list[int]:
        lacking = {person: len(self.expected_page(person)) for person in people}
        total = sum(lacking.values())
        moved = time.monotonic()
        while True:
            before = sum(lacking.values())
            lacking |= await self._count_missing(
                client, [p for p, count in lacking.items() if count]
            )
            left = sum(lacking.values())
            show(total - left)
            if left < before or not detector.is_idle():
                moved = time.monotonic()
            if not left or time.monotonic() - moved > _STALL_TIMEOUT:
                return [person for person, count in lacking.items() if count]
            await asyncio.sleep(_POLL_INTERVAL)

    async def _count_missing(self, client: BenchClient, people: Sequence[int]) -> dict[int, int]:
        """Return the number of missing posts per home timeline; a wrong order counts as one."""
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def look(person: int) -> int:
            async with slots:
                shown = await client.home(self._people[person], PAGE_SIZE)
            expected = self.expected_page(person)
            return len(set(expected) - set(shown)) or int(shown != expected)

        return dict(zip(people, await asyncio.gather(*map(look, people)), strict=True))


def _show(progress: Progress, bar: TaskID, shown: int) -> None:
    progress.update(bar, completed=shown)
