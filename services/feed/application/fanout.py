"""How a post gets into homes, and how a home is rebuilt.

Cost: a post of an author with F followers takes one read of the follower shards, then one read for
every 200 homes and one write for every fifty. Posts that are handled at the same time share these
calls, and the writes of homes that several of them belong to. Above `chunk` followers the shards
become chunks that all replicas share. Above `large` followers nothing is written, and the author is
merged in on reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from services.chassis.dapr.state import VersionConflict
from services.chassis.errors import Unavailable
from services.chassis.storage.bulk_insert import BulkInserter
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Window, newest_first
from services.feed.domain.reader import Reader
from services.feed.domain.relations import FanOutLimits, LargeAuthors, ReaderRelations
from services.feed.domain.rows import AUTHOR_ID, MAX_HOME_ROWS, POST_ID, Row, home_owners, row_of
from services.feed.repository import FanOutChunk, Repository

_MAX_REBUILD_ATTEMPTS = 8


class FanOut:
    """Inserts rows into homes."""

    def __init__(self, repository: Repository, limits: FanOutLimits) -> None:
        self._repository = repository
        self._limits = limits
        self._shared = BulkInserter(repository.state)
        self._homes = BulkInserter(repository.state)

    async def insert_into_timelines(self, ids: Iterable[tuple[str, str]], row: Row) -> None:
        """Insert the row of a new post into shared timelines, given as kinds and ids."""
        lists = [(self._repository.timelines(kind), id) for kind, id in sorted(ids)]
        await self._shared.insert(lists, [row])

    async def deliver(self, post: Mapping[str, Any]) -> None:
        """Insert a new post into the homes to which it belongs. May be repeated."""
        shards = await self._repository.followers(post["author"])
        followers = [account for shard in shards for account in shard]
        if len(followers) > self._limits.large and post["visibility"] != "direct":
            await self._mark_large(post["author"])
            followers = []
        elif len(followers) > self._limits.chunk and post["visibility"] != "direct":
            await self._enqueue_chunks(post, len(shards))
            followers = []
        owners = home_owners(post, followers)
        await self._insert_into_homes(owners, row_of(post))

    async def _insert_into_homes(self, owners: Iterable[str], row: Row) -> None:
        await self._homes.insert([(self._repository.homes, owner) for owner in owners], [row])

    async def _enqueue_chunks(self, post: Mapping[str, Any], shards: int) -> None:
        for shard in range(shards):
            chunk = FanOutChunk(row_of(post), shard)
            id = f"{post['id']}:{shard}"
            await self._repository.chunks.update(id, partial(_keep_existing, chunk))

    async def deliver_chunk(self, chunk: FanOutChunk) -> None:
        """Insert a row into the homes of one shard of its author's followers."""
        author = chunk.row[AUTHOR_ID]
        shard = await self._repository.follower_shards.get(f"{author}:{chunk.shard}")
        if shard is not None:
            await self._insert_into_homes(shard.followers, chunk.row)

    async def backfill_home(self, reader: str, author: str, head: ListHead) -> None:
        """Insert an author's newest posts, as many as fit, into the home of a new follower.

        `head` is that of the author's timeline. So a home that grew by one follow after the other
        equals a rebuilt one.
        """
        rows = await self._repository.authors.read(head, Window(MAX_HOME_ROWS))
        if rows:
            await self._homes.insert([(self._repository.homes, reader)], rows)

    async def rebuild_home(
        self, reader: str, change: Callable[[ReaderRelations], ReaderRelations]
    ) -> set[str]:
        """Rebuild a home from the timelines of all accounts that its owner follows after a change.

        Returns these accounts. Raises `Unavailable` if the home changes during every attempt. State
        calls: four, and one more for each account whose posts among the newest
        `MAX_HOME_ROWS` reach beyond the head of its timeline.
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
        for head in heads.values():
            rows += await self._repository.authors.read(head, older)
        return newest_first(rows)

    async def _mark_large(self, author: str) -> None:
        def add(large: LargeAuthors | None) -> LargeAuthors:
            ids = large.ids if large else []
            return LargeAuthors(ids if author in ids else [*ids, author])

        await self._repository.large_authors.update("all", add)


def _keep_existing(chunk: FanOutChunk, known: FanOutChunk | None) -> FanOutChunk:
    return known or chunk
