"""The census: kept in step with profiles and posts, counted when somebody asks.

Every person is one line on one of `SHARDS` sheets, written whenever their profile or the number of
their posts changes: a line says what is true, so that a repeat changes nothing and the numbers are
exact at rest. Counting reads all sheets in one state call, at most once in `FOR` seconds.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from services.chassis.errors import Unavailable
from services.users.domain.census import SHARDS, Census, Line, Sheet, shard_of
from services.users.endings import Clock, utc_now
from services.users.store import Posted, Store, open_in

FOR = 5.0
"""For how many seconds a count is good."""

TURNS = 8


class Registry:
    """Keeps the sheets, and counts them."""

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._census: Census | None = None
        self._until = 0.0

    async def agree(self, person: str) -> None:
        """Make somebody's line say what is true. Three state calls and a commit."""
        line = await self._line(person)
        for _ in range(TURNS):
            say = partial(_saying, person, line)
            await self._store.census.update(shard_of(person), say)
            now = await self._line(person)
            if now == line:
                return
            line = now
        raise Unavailable(f"The person {person} keeps changing.")

    async def counted(self, person: str, posted: Posted) -> None:
        """Put a count on somebody's line. Two state calls.

        Who has no line yet gets one by `agree`, which reads the count after it has written.
        """
        await self._store.census.update(
            shard_of(person),
            lambda sheet: (sheet or Sheet()).counting(
                person, posted.total, posted.last_post, posted.version
            ),
        )

    async def census(self) -> Census:
        """The whole place, as of a few seconds ago."""
        if self._census is None or time.monotonic() > self._until:
            sheets = await self._store.census.get_many(str(shard) for shard in range(SHARDS))
            self._census = Census.of(sheets.values(), self._clock())
            self._until = time.monotonic() + FOR
        return self._census

    async def statistics(self) -> dict[str, Any]:
        """The numbers, as the contracts' `Statistics`."""
        census = await self.census()
        return {
            "users": census.users,
            "posts": census.posts,
            "active_month": census.active_month,
            "active_half_year": census.active_half_year,
            "weeks": [
                {"start": int(start.timestamp()), "registrations": came}
                for start, came in census.weeks
            ],
        }

    async def directory(
        self, order: str, viewer: str, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Who wants to be found, without those who and the viewer are apart. One state call."""
        census = await self.census()
        listed = census.newest if order == "new" else census.active
        people = await self._store.people(listed[offset : offset + limit], viewer)
        return [person.account() for person in people.values() if not person.apart]

    async def _line(self, person: str) -> Line | None:
        store = self._store
        rows = await store.state.get_many([store.users.key(person), store.posted.key(person)])
        profile = store.profile_in(rows, person)
        if profile is None:
            return None
        posted: Posted = open_in(rows, store.posted, person) or Posted()
        return Line(posted.total, posted.last_post, profile.discoverable, posted.version)


def _saying(person: str, line: Line | None, sheet: Sheet | None) -> Sheet:
    return (sheet or Sheet()).saying(person, line)
