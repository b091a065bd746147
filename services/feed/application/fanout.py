"""How a post gets into homes, and how a home is rebuilt.

A new post is written once, into the list of recent posts, which is merged into every home on
reading. When many have gathered there, they are moved to the homes of their authors' followers, so
that a home that gets several of them is read and written once.

Cost of a post: one write of the lists that it is in, shared with other posts. For every
`FLUSH_SIZE` posts, the followers of their authors and the homes: one read for every 200 and one
write for every fifty. Above `large` followers no home is written, and the author is merged in on
reading.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.chassis.cache import DEFAULT_TTL
from services.chassis.dapr.state import VersionConflict
from services.chassis.dapr.state_client import STATE_TIMEOUT
from services.chassis.errors import ServiceError, Unavailable
from services.chassis.ids import first_id_at, utc_now
from services.chassis.storage.bulk_insert import BulkInserter
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Window, newest_first
from services.feed.domain.reader import Reader
from services.feed.domain.relations import LargeAuthors, ReaderRelations
from services.feed.domain.rows import (
    AUTHOR_ID,
    MAX_HOME_ROWS,
    POST_ID,
    Row,
    home_owners,
    row_of,
    timeline_ids,
)
from services.feed.repository import Repository

_MAX_REBUILD_ATTEMPTS = 8

FLUSH_SIZE = 128
"""Posts that a process adds to the recent ones before it moves them to homes. The more, the fewer
homes are written for a post, and the longer is the list that every home page reads."""

KEPT = 2 * STATE_TIMEOUT + DEFAULT_TTL
"""Seconds for which a moved post stays among the recent ones: who has a home as it was before the
move finds the post there. That may be as old as a cache keeps it, and two reads may be slow."""

GIVEN_UP_AFTER = timedelta(days=1)
"""The age of a post that is no longer tried to be moved: a home that cannot be written must not let
the recent posts of everybody grow."""

log = logging.getLogger(__name__)


class FanOut:
    """Inserts rows into homes. Authors with more than `large` followers are merged on reading."""

    def __init__(self, repository: Repository, large: int) -> None:
        self._repository = repository
        self._large = large
        self._shared = BulkInserter(repository.state)
        self._homes = BulkInserter(repository.state)
        # What moves to a home was to be seen there before: no cached page changes.
        self._moved_to = repository.unobserved_homes
        self._moved = BulkInserter(self._moved_to.state)
        self._unflushed = FLUSH_SIZE  # an earlier process may have left some
        self._is_due = asyncio.Event()
        self._moved_at: dict[str, float] = {}
        """When posts have been moved that are still among the recent ones."""

    async def insert(self, post: Mapping[str, Any]) -> None:
        """Insert a new post into the timelines and homes to which it belongs. May be repeated."""
        lists = [(self._repository.timelines(kind), id) for kind, id in sorted(timeline_ids(post))]
        if post["visibility"] == "direct":
            await self._shared.insert(lists, [row_of(post)])
            await self._insert_into_homes(home_owners(post, ()), row_of(post))
            return
        await self._shared.insert([*lists, (self._repository.recent, "all")], [row_of(post)])
        # After a conflict the timeline may have been written, and told, before the recent posts.
        self._repository.invalidate_author(post["author"])
        self._unflushed += 1
        if self._unflushed >= FLUSH_SIZE:
            self._is_due.set()

    async def _to_fan_out(self, author: str) -> Sequence[str]:
        """The followers of an author whose homes get their posts: none of a large author's."""
        followers = await self._repository.followers(author)
        if len(followers) <= self._large:
            return followers
        await self._mark_large(author)
        return ()

    # ── recent posts ────────────────────────────────────────────────────────────────────────

    async def move_recent_posts(self) -> None:
        """Move recent posts to homes whenever there are enough of them, until cancelled.

        What fails stays among them, and is tried again when the next post comes.
        """
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            counted = self._unflushed
            if counted < FLUSH_SIZE:  # the last move took them along
                continue
            try:
                is_complete = await self._move_recent()
            except ServiceError as failure:
                log.warning("could not move recent posts", extra={"why": failure.message})
            else:
                self._unflushed -= counted if is_complete else 0

    async def _move_recent(self) -> bool:
        """Insert recent posts into homes, and remove those that were inserted `KEPT` seconds ago.

        False if some could not be inserted.
        """
        recent = self._repository.recent
        by_author: dict[str, list[Row]] = {}
        for row in await recent.all("all"):
            if row[POST_ID] not in self._moved_at:
                by_author.setdefault(row[AUTHOR_ID], []).append(row)
        moves = (self._move(author, rows) for author, rows in by_author.items())
        is_complete = all(await asyncio.gather(*moves))
        oldest = time.monotonic() - KEPT
        settled = [id for id, moved_at in self._moved_at.items() if moved_at < oldest]
        if settled:
            await recent.remove("all", settled)
            for id in settled:
                del self._moved_at[id]
        return is_complete

    async def _move(self, author: str, rows: list[Row]) -> bool:
        """Insert an author's recent posts into homes. A failure stops no other author's."""
        try:
            owners = dict.fromkeys([author, *await self._to_fan_out(author)])
            await self._moved.insert([(self._moved_to, owner) for owner in owners], rows)
        except Exception as failure:
            if not isinstance(failure, ServiceError):
                log.exception("could not move recent posts", extra={"author": author})
            else:
                why = {"author": author, "why": failure.message}
                log.warning("could not move recent posts", extra=why)
            oldest = first_id_at(utc_now() - GIVEN_UP_AFTER)
            moved = [row[POST_ID] for row in rows if row[POST_ID] < oldest]
            if moved:
                log.exception("gave up moving posts to homes: rebuild them", extra={"posts": moved})
        else:
            moved = [row[POST_ID] for row in rows]
        self._moved_at |= dict.fromkeys(moved, time.monotonic())
        return len(moved) == len(rows)

    # ── homes ───────────────────────────────────────────────────────────────────────────────

    async def _insert_into_homes(self, owners: Iterable[str], row: Row) -> None:
        await self._homes.insert([(self._repository.homes, owner) for owner in owners], [row])

    async def backfill_home(self, reader: str, heads: Iterable[ListHead]) -> None:
        """Insert the newest posts of some authors, as many as fit, into a new follower's home.

        `heads` are those of the authors' timelines. So a home that grew by one follow after the
        other equals a rebuilt one.
        """
        read = self._repository.authors.read
        found = await asyncio.gather(*(read(head, Window(MAX_HOME_ROWS)) for head in heads))
        rows = newest_first([row for part in found for row in part])[:MAX_HOME_ROWS]
        if rows:
            await self._homes.insert([(self._repository.homes, reader)], rows)

    async def rebuild_home(
        self, reader: str, change: Callable[[ReaderRelations], ReaderRelations]
    ) -> set[str]:
        """Rebuild a home from the timelines of all accounts that its owner follows after a change.

        Returns these accounts. Raises `Unavailable` if the home changes during every attempt. State
        calls: four, and one or two more if posts among the newest `MAX_HOME_ROWS` reach beyond the
        heads of the accounts' timelines.
        """
        followed: set[str] = set()

        async def read() -> list[Row]:
            nonlocal followed
            stored = await self._repository.relations.get(reader)
            relations = change(stored or ReaderRelations())
            followed = set(relations.follows)
            rows = await self._merged([reader, *relations.follows])
            wanted = [row for row in rows if Reader(reader, relations).belongs_at_home(row)]
            return wanted[:MAX_HOME_ROWS]

        for _ in range(_MAX_REBUILD_ATTEMPTS):
            try:
                await self._repository.homes.rebuild(reader, read)
            except VersionConflict:
                continue
            return followed
        raise Unavailable(f"The home of {reader} changed during every attempt to rebuild it.")

    async def _merged(self, authors: list[str]) -> list[Row]:
        heads = await self._repository.authors.heads.get_many(authors)
        rows = newest_first([row for head in heads.values() for row in head.recent])
        is_full = len(rows) > MAX_HOME_ROWS
        older = Window(MAX_HOME_ROWS, since_id=rows[MAX_HOME_ROWS][POST_ID] if is_full else "")
        reads = (self._repository.authors.read(head, older) for head in heads.values())
        for found in await asyncio.gather(*reads):
            rows += found
        return newest_first(rows)

    async def _mark_large(self, author: str) -> None:
        def add(large: LargeAuthors | None) -> LargeAuthors:
            ids = large.ids if large else []
            return LargeAuthors(ids if author in ids else [*ids, author])

        await self._repository.large_authors.update("all", add)
