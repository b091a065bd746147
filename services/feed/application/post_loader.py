"""Loads the posts of timeline rows as one reader may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.cache import USUAL_AGE, CachedDocument, MaxAge
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.feed.application.timeline_page import TimelineItem
from services.feed.domain.filters import NO_FILTER, TimelineFilter
from services.feed.domain.interactions import RecentInteractions
from services.feed.domain.projections import is_visible_account
from services.feed.domain.reader import Reader
from services.feed.domain.relations import ReaderRelations
from services.feed.domain.rows import (
    AUTHOR_ID,
    BOOSTED_AUTHOR_ID,
    BOOSTED_ID,
    FLAGS,
    POST_ID,
    REBLOG,
    Row,
)
from services.feed.repository import Repository


class PostLoader:
    """Reads readers, posts and authors."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def load_reader(
        self,
        lists: SegmentedLists,
        id: str,
        user: str,
        max_age: float = 0.0,
        also: Sequence[str] = (),
    ) -> tuple[ListHead, Reader, dict[str, CachedDocument]]:
        """Return a list's head, its reader, and what is stored under the keys `also`.

        All is as it was `max_age` seconds ago or later. One state call, or none if it is cached.
        """
        repository, heads = self._repository, lists.heads
        relations, recent = repository.relations, repository.recent_interactions
        keys = [relations.key(user), recent.key(user)] if user else []
        docs = await repository.cache.read([heads.key(id), *keys, *also], max_age)
        head = heads.decode_cached(docs[heads.key(id)]) or ListHead()
        if not user:
            return head, Reader(), docs
        reader = Reader(
            user,
            relations.decode_cached(docs[keys[0]]) or ReaderRelations(),
            recent.decode_cached(docs[keys[1]]) or RecentInteractions(),
        )
        return head, reader, docs

    async def with_block_states(self, reader: Reader, authors: Iterable[str]) -> Reader:
        """Return a reader who knows which of some authors block them."""
        if not reader.relations.shunned:
            return reader
        known = await self._repository.with_block_states({reader.id: reader.relations}, authors)
        return replace(reader, relations=known[reader.id])

    async def get_posts(self, rows: Sequence[Row], user: str) -> list[TimelineItem]:
        """Return the visible posts of some rows, in their order. Two state calls."""
        _, reader, _ = await self.load_reader(self._repository.public, "all", user)
        wanted = [row for row in rows if reader.relations.can_see(row[AUTHOR_ID])]
        items = await self.load_visible(wanted, reader)
        return [items[row[POST_ID]] for row in wanted if row[POST_ID] in items]

    async def load_visible(
        self,
        rows: Sequence[Row],
        reader: Reader,
        wanted: TimelineFilter = NO_FILTER,
        max_age: MaxAge = USUAL_AGE,
    ) -> dict[str, TimelineItem]:
        """Return the visible posts of rows with their authors. At most one state call.

        One more for a reader whom more users block than their relations can hold. What the reader
        did with posts is as it was `max_age.own` seconds ago or later.
        """
        if not rows:
            return {}
        pairs = [pair for row in rows for pair in (row[:FLAGS], row[BOOSTED_ID:]) if pair]
        reader = await self.with_block_states(reader, [author for _, author in pairs])
        repository = self._repository
        posts = {post: repository.posts.key(post) for post, _ in pairs}
        accounts = {author: repository.accounts.key(author) for _, author in pairs}
        older = {
            id: repository.older_interactions.key(f"{reader.id}:{id}")
            for id in posts
            if id <= reader.interactions.floor
        }
        read = repository.cache.read([*posts.values(), *accounts.values()], max_age.others)
        if older:
            docs, marks = await asyncio.gather(
                read, repository.cache.read(older.values(), max_age.own)
            )
        else:
            docs, marks = await read, {}
        found = _LoadedDocuments(
            reader,
            {id: docs[key] for id, key in posts.items()},
            {id: docs[key] for id, key in accounts.items()},
            {id: marks[key] for id, key in older.items()},
        )
        items = {row[POST_ID]: found.item_of(row, wanted) for row in rows}
        return {id: item for id, item in items.items() if item is not None}


@dataclass(frozen=True, slots=True)
class _LoadedDocuments:
    """The posts, authors and older interactions that were read for a reader, by id."""

    reader: Reader
    posts: Mapping[str, CachedDocument]
    accounts: Mapping[str, CachedDocument]
    interactions: Mapping[str, CachedDocument]

    def item_of(self, row: Row, wanted: TimelineFilter) -> TimelineItem | None:
        """The item of a row with the boosted post, unless the reader may not see one of them."""
        item = self._item(row[POST_ID], row[AUTHOR_ID], wanted)
        if item is None or not row[FLAGS] & REBLOG:
            return item
        reblog = self._item(row[BOOSTED_ID], row[BOOSTED_AUTHOR_ID], NO_FILTER)
        return replace(item, flags=reblog.flags, reblog=reblog) if reblog else None

    def _item(self, id: str, author: str, wanted: TimelineFilter) -> TimelineItem | None:
        stored, stored_account = self.posts[id], self.accounts[author]
        if not (stored.exists and stored_account.exists):
            return None
        projection, account = stored.envelope, stored_account.envelope
        post = projection["data"]["post"]
        if not is_visible_account(account["data"]["profile"]):
            return None
        if not _is_visible(post, self.reader, wanted):
            return None
        flags = self.reader.interaction_flags(post, self._flags(id))
        return TimelineItem(projection, account, flags)

    def _flags(self, id: str) -> int:
        stored = self.interactions.get(id)
        if stored is not None and stored.exists:
            flags: int = stored.envelope["data"]["flags"]
            return flags
        return self.reader.interactions.flags_for(id)


def _is_visible(post: dict[str, Any], reader: Reader, wanted: TimelineFilter) -> bool:
    if not post or post["deleted"] or not reader.can_see(post):
        return False
    return wanted.matches_post(post)
