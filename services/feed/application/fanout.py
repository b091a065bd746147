"""How a post comes into homes, and how a home is made from scratch.

Cost: a post of somebody with F followers is one read of their shards, then one read and one write
for every fifty homes; above `chunk` followers the shards become chunks that all replicas share;
above `large` followers nothing is written, and the author is merged in when their followers read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.chassis.dapr.state import VersionConflict
from services.chassis.storage.bulk_insert import insert_everywhere, insert_together
from services.chassis.storage.window import Window, newest_first
from services.feed.domain import (
    MAX_HOME_ROWS,
    LargeAuthors,
    Reader,
    ReaderRelations,
    Row,
    home_owners,
    row_of,
)
from services.feed.repository import FanOutChunk, Repository

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FanOutLimits:
    """From how many followers on a fan-out is shared, and from how many there is none."""

    chunk: int = 500
    large: int = 2_000


class FanOut:
    """Puts rows into homes."""

    def __init__(self, repository: Repository, limits: FanOutLimits) -> None:
        self._repository = repository
        self._limits = limits

    async def insert_into_timelines(self, places: Iterable[tuple[str, str]], row: Row) -> None:
        """Put the row of a new post into shared timelines, given as kinds and ids."""
        lists = [(self._repository.timelines(kind), id) for kind, id in sorted(places)]
        for kind, id in await insert_together(self._repository.state, lists, [row]):
            await kind.insert(id, [row])

    async def deliver(self, post: Mapping[str, Any]) -> None:
        """Put a new post into the homes it belongs into. Safe to repeat."""
        shards = await self._repository.followers(post["author"])
        followers = [person for shard in shards for person in shard]
        if len(followers) > self._limits.large and post["visibility"] != "direct":
            await self._mark_large(post["author"])
            followers = []
        elif len(followers) > self._limits.chunk and post["visibility"] != "direct":
            await self._enqueue_chunks(post, len(shards))
            followers = []
        await insert_everywhere(
            self._repository.homes, home_owners(post, followers), [row_of(post)]
        )

    async def _enqueue_chunks(self, post: Mapping[str, Any], shards: int) -> None:
        for shard in range(shards):
            chunk = FanOutChunk(row_of(post), shard)
            await self._repository.chunks.update(
                f"{post['id']}:{shard}", partial(_keep_existing, chunk)
            )

    async def deliver_chunk(self, chunk: FanOutChunk) -> None:
        """Put a row into the homes of one shard of its author's followers."""
        author = chunk.row[1]
        shard = await self._repository.follower_shards.get(f"{author}:{chunk.shard}")
        if shard is not None:
            await insert_everywhere(self._repository.homes, shard.followers, [chunk.row])

    async def backfill_home(self, reader: str, author: str) -> None:
        """Put somebody's newest posts into the home of a new follower, as many as it can hold.

        So a home to which people came one by one is the same as one that is rebuilt.
        """
        rows = await self._repository.authors.page(author, Window(MAX_HOME_ROWS))
        if rows:
            await self._repository.homes.insert(reader, rows)

    async def rebuild_home(self, reader: str) -> None:
        """Make a home anew from the timelines of all whom its owner follows.

        State calls: four, and one more for everybody whose posts among the newest `MAX_HOME_ROWS`
        reach beyond the head of their timeline.
        """
        for _ in range(8):
            stance = await self._repository.relations.get(reader) or ReaderRelations()
            rows = await self._merged([reader, *stance.follows])
            wanted = [row for row in rows if Reader(reader, stance).belongs_at_home(row)]
            try:
                await self._repository.homes.replace(reader, wanted[:MAX_HOME_ROWS])
            except VersionConflict:
                continue
            return
        log.warning("a home kept changing while it was rebuilt", extra={"reader": reader})

    async def _merged(self, authors: list[str]) -> list[Row]:
        heads = await self._repository.authors.heads.get_many(authors)
        rows = newest_first([row for head in heads.values() for row in head.recent])
        older = Window(
            MAX_HOME_ROWS, since_id=rows[MAX_HOME_ROWS][0] if len(rows) > MAX_HOME_ROWS else ""
        )
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
