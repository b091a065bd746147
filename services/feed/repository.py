"""The documents and lists of the feed, derived from events except for the state of conversations.

card:POST              a post as last known, with its counts (`PostProjection`)
person:ACCOUNT         an account as last known, with its counts (`AccountProjection`)
marks:USER             what a user did with the newest posts
mark:USER:POST         the same for an older post
blocked:USER:ACCOUNT   whether an account blocks a user who is blocked by very many
hometags:USER          the hashtags that are merged into a home
stance:USER            whom a user follows and hides, who blocks them, and their pins
followers:USER:SHARD   the followers of an account, in `FOLLOWER_SHARDS` parts
large:all              authors that are merged in on reading
home:USER, author:USER, tag:TAG, public:all     timelines (segmented lists of rows)
recent:all             the newest posts, which need not be in homes yet (a list of rows)
conversation:USER:ID   a conversation as one participant has it
conversations:USER     [last post, conversation], the newest `MAX_CONVERSATIONS`
tagindex:LETTERS       hashtags with a prefix
trend:KIND:HOUR:SHARD  who used what in an hour (`TrendBucket`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from services.chassis.dapr.observed_state import ObservedState
from services.chassis.dapr.state import ABSENT, StateEntry, StateStore
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.documents import Document
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import invalidations
from services.contracts.events import FEED_INVALIDATED
from services.feed.domain.conversations import ConversationRecord
from services.feed.domain.interactions import InteractionFlags, RecentInteractions
from services.feed.domain.projections import AccountProjection, PostProjection
from services.feed.domain.relations import (
    FOLLOWER_SHARDS,
    FollowerShard,
    HomeHashtags,
    LargeAuthors,
    ReaderRelations,
    follower_shard,
    follower_shards,
    followers_of,
)
from services.feed.domain.rows import MAX_HOME_ROWS, MAX_PUBLIC_ROWS, MAX_TAG_ROWS
from services.feed.domain.trending import WINDOW_HOURS, TrendBucket
from services.shared.block_list import BlockState

T = TypeVar("T")

MAX_CONVERSATIONS = 1_000
"""How many conversations, the newest, the list of a user keeps."""

_MAX_BUCKET_SIZE = 200

_HOME_SEGMENT_SIZE = 40

_RECENT_SEGMENT_SIZE = 2_000
"""Rows of `recent:all` are moved to homes long before there are so many."""


_CACHED_DOCUMENTS: dict[str, Callable[[str], str]] = {
    "card": invalidations.post_document,
    "person": invalidations.account_document,
    "home": invalidations.home_document,
    "author": invalidations.author_document,
    "tag": invalidations.tag_document,
    "large": lambda _: invalidations.LARGE_AUTHORS,
    "recent": lambda _: invalidations.RECENT_POSTS,
    **dict.fromkeys(("stance", "marks", "hometags"), invalidations.reader_document),
    **dict.fromkeys(
        ("mark", "blocked"), lambda id: invalidations.reader_document(id.partition(":")[0])
    ),
}
"""The documents on which cached pages of timelines depend, by the kinds that are stored."""


def cached_document(key: str) -> str:
    """Return the name of a stored document for caches, or an empty string if none depends on it."""
    kind, _, id = key.partition(":")
    name = _CACHED_DOCUMENTS.get(kind)
    return name(id) if name else ""


@dataclass(frozen=True, slots=True)
class HashtagBucket:
    """Hashtags with the same prefix. A full bucket refers to those with one more letter."""

    names: list[str] = field(default_factory=list)

    def with_tag(self, tag: str) -> HashtagBucket:
        """Return the bucket with a hashtag, if it has room."""
        if tag in self.names or len(self.names) >= _MAX_BUCKET_SIZE:
            return self
        return HashtagBucket([*self.names, tag])


@dataclass(frozen=True, slots=True)
class EdgeDocuments:
    """What the edges of an account to others are stored in.

    `own` are its relations; `others` those of the other accounts, and `shards` their followers.
    """

    own: Document[ReaderRelations] | None
    others: Mapping[str, Document[ReaderRelations]]
    shards: Mapping[str, Document[FollowerShard]]


def _homes(state: StateStore) -> SegmentedLists:
    return SegmentedLists(state, "home", max_rows=MAX_HOME_ROWS, segment_size=_HOME_SEGMENT_SIZE)


class Repository:
    """Stores projections, relations, timelines and conversations."""

    def __init__(self, service: Service) -> None:
        self._invalidations = service.publish_invalidations(FEED_INVALIDATED, cached_document)
        self.state = service.state
        self.cache = service.documents
        self.cache.expect_reads("card")
        self.posts = service.collection("card", PostProjection)
        self.accounts = service.collection("person", AccountProjection)
        self.recent_interactions = service.collection("marks", RecentInteractions)
        self.older_interactions = service.collection("mark", InteractionFlags)
        self.relations = service.collection("stance", ReaderRelations)
        self.block_states = service.collection("blocked", BlockState)
        self.home_tags = service.collection("hometags", HomeHashtags)
        self.follower_shards = service.collection("followers", FollowerShard)
        self.large_authors = service.collection("large", LargeAuthors)
        self.tag_index = service.collection("tagindex", HashtagBucket)
        self.trend_buckets = service.collection("trend", TrendBucket, ttl=(WINDOW_HOURS + 2) * 3600)
        self.homes = _homes(self.state)
        self.unobserved_homes = _homes(ObservedState(service.sidecar, self.cache.writing))
        """The same lists, for writes that change no page."""
        self.authors = service.lists("author")
        self.tags = service.lists("tag", max_rows=MAX_TAG_ROWS)
        self.public = service.lists("public", max_rows=MAX_PUBLIC_ROWS)
        self.recent = service.lists("recent", segment_size=_RECENT_SEGMENT_SIZE)
        self.conversations = service.collection("conversation", ConversationRecord)
        self.conversation_lists = service.lists("conversations", max_rows=MAX_CONVERSATIONS)

    def invalidate_author(self, author: str) -> None:
        """Say that homes show something else of an author, after all that they show is written."""
        self._invalidations.add([invalidations.author_document(author)])

    def timelines(self, kind: str) -> SegmentedLists:
        """Return the timelines of a kind that `timelines_of` names."""
        return {"author": self.authors, "public": self.public, "tag": self.tags}[kind]

    async def find_deleted(self, ids: list[str]) -> list[str]:
        """Return which of some accounts are deleted. One state call."""
        people = await self.accounts.get_many(ids)
        return [id for id, person in people.items() if person.profile.get("deleted")]

    async def deleted_and_timelines(
        self, ids: Iterable[str], authors: Iterable[str]
    ) -> tuple[list[str], list[ListHead]]:
        """Return which of some accounts are deleted, and the heads of timelines. One state call."""
        heads = [self.authors.heads.key(author) for author in authors]
        people = {id: self.accounts.key(id) for id in ids}
        rows = await self.state.get_many([*heads, *people.values()])
        found = {id: self.accounts.decode(rows.get(key, ABSENT)) for id, key in people.items()}
        timelines = [self.authors.heads.decode(rows.get(key, ABSENT)) for key in heads]
        return (
            [id for id, doc in found.items() if doc and doc.value.profile.get("deleted")],
            [timeline.value for timeline in timelines if timeline],
        )

    async def edge_documents(self, source: str, targets: Iterable[str]) -> EdgeDocuments:
        """Return what the edges of an account to others are stored in. One state call."""
        own, number = self.relations.key(source), follower_shard(source)
        others = {target: self.relations.key(target) for target in targets}
        shards = {target: self.follower_shards.key(f"{target}:{number}") for target in others}
        rows = await self.state.get_many([own, *others.values(), *shards.values()])
        return EdgeDocuments(
            self.relations.decode(rows.get(own, ABSENT)),
            _decode_found(self.relations, others, rows),
            _decode_found(self.follower_shards, shards, rows),
        )

    async def delete_account(self, id: str) -> None:
        """Delete what belongs to an account alone. Its posts are deleted by their own events."""
        await self.homes.replace(id, [])
        await self.relations.delete(id)
        await self.recent_interactions.delete(id)
        await self.home_tags.delete(id)
        for shard in range(FOLLOWER_SHARDS):
            await self.follower_shards.delete(f"{id}:{shard}")
        await self.large_authors.update("all", lambda large: large.without(id) if large else None)
        await self.delete_conversations(id)

    async def delete_conversations(self, id: str) -> None:
        """Delete the conversations of a user. At most one state call for each."""
        for row in await self.conversation_lists.all(id):
            await self.conversations.delete(f"{id}:{row[1]}")
        await self.conversation_lists.replace(id, [])

    async def delete_edges(self, id: str, source: str) -> None:
        """Delete what an edge has just written about a deleted account."""
        await self.relations.delete(id)
        await self.block_states.delete(f"{id}:{source}")
        for shard in follower_shards(source):
            await self.follower_shards.delete(f"{id}:{shard}")

    async def apply_followed_tags(self, id: str, tags: Sequence[str], version: int) -> None:
        """Store the followed hashtags of a user. Five state calls."""
        await self.relations.update(
            id, lambda relations: (relations or ReaderRelations()).apply_tags(tags, version)
        )
        await self.home_tags.update(id, lambda kept: (kept or HomeHashtags()).apply(tags, version))
        if await self.find_deleted([id]):
            await self.relations.delete(id)
            await self.home_tags.delete(id)

    async def apply_block(
        self,
        id: str,
        source: str,
        version: int,
        *,
        blocks: bool,
        known: Document[ReaderRelations] | None,
    ) -> None:
        """Store whether a source blocks a user, whose relations were just read.

        One state call, none if nothing changes, three for one blocked by many.
        """

        def apply(kept: ReaderRelations | None) -> ReaderRelations | None:
            before = kept or ReaderRelations()
            after = before.apply_block(source, blocks=blocks, version=version)
            return None if after is before else after

        relations = await self.relations.update(id, apply, known=known, expect_absent=known is None)
        if (
            relations is None
            or not relations.is_stored_separately(source)
            or (version == 1 and not blocks)
        ):
            return
        await self.block_states.update(
            f"{id}:{source}",
            lambda known: (known or BlockState()).apply(version, blocks=blocks),
        )

    async def with_block_states(
        self, known_relations: Mapping[str, ReaderRelations], authors: Iterable[str]
    ) -> Mapping[str, ReaderRelations]:
        """Return relations that know which of some authors block each user.

        At most one state call, only if a user is blocked by very many.
        """
        authors = set(authors)
        apart = {
            id: [author for author in authors if relations.is_stored_separately(author)]
            for id, relations in known_relations.items()
            if relations.shunned
        }
        asked = {f"{id}:{author}": (id, author) for id, some in apart.items() for author in some}
        if not asked:
            return known_relations
        known: dict[str, dict[str, BlockState]] = {id: {} for id in apart}
        for key, blocked in (await self.block_states.get_many(asked)).items():
            id, author = asked[key]
            known[id][author] = blocked
        return {
            **known_relations,
            **{id: known_relations[id].with_separate(some) for id, some in known.items()},
        }

    async def followers(self, author: str) -> list[str]:
        """Return the followers of an account. One state call."""
        ids = [f"{author}:{shard}" for shard in range(FOLLOWER_SHARDS)]
        return followers_of((await self.follower_shards.get_many(ids)).values())

    async def update_post(
        self,
        id: str,
        apply: Callable[[PostProjection], PostProjection],
        *,
        expect_absent: bool = False,
    ) -> PostProjection:
        """Change the projection of a post. `expect_absent` says that there most likely is none."""
        projection = await self.posts.update(
            id, lambda kept: apply(kept or PostProjection()), expect_absent=expect_absent
        )
        return projection or PostProjection()

    async def update_account(
        self, id: str, apply: Callable[[AccountProjection], AccountProjection]
    ) -> None:
        """Change the projection of an account."""
        await self.accounts.update(id, lambda kept: apply(kept or AccountProjection()))

    async def set_interaction(self, user: str, post: str, flags: int, version: int) -> None:
        """Store the flags of a user for a post. Two state calls for a recent post, else four."""
        recent = await self.recent_interactions.update(
            user, lambda known: (known or RecentInteractions()).apply(post, flags, version)
        )
        if recent is None or post <= recent.floor:
            await self._set_older(user, post, flags, version)
        elif older := recent.overflow():
            for id, mark in older.items():
                await self._set_older(user, id, *mark)
            await self.recent_interactions.update(
                user, lambda known: known.without_evicted(older) if known else None
            )

    async def _set_older(self, user: str, post: str, flags: int, version: int) -> None:
        marked = InteractionFlags(flags, version)
        await self.older_interactions.update(
            f"{user}:{post}",
            lambda known: known if known and known.version >= version else marked,
        )


def _decode_found(
    collection: Collection[T], keys: Mapping[str, str], rows: Mapping[str, StateEntry]
) -> dict[str, Document[T]]:
    """Return the documents that exist of those with these keys."""
    found = {id: collection.decode(rows.get(key, ABSENT)) for id, key in keys.items()}
    return {id: doc for id, doc in found.items() if doc}
