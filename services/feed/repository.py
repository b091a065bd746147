"""What the feed keeps, derived from events but for what people say of their conversations.

card:POST              a post as last heard of, with its counts
person:ACCOUNT         a profile as last heard of, with its counts
marks:USER             whether somebody likes or keeps posts, the newest ones
mark:USER:POST         the same for older ones
blocked:USER:PERSON    whether somebody blocks a user whom very many block
hometags:USER          the hashtags whose posts somebody has at home
stance:USER            whom somebody follows, hides, is blocked by; what they pinned
followers:USER:SHARD   the other way round, in `FOLLOWER_SHARDS` parts
large:all              authors that are merged in at read time
home:USER, author:USER, tag:TAG, public:all     timelines (segmented lists of rows)
conversation:USER:ID   what somebody has of a conversation, and how far they have read it
conversations:USER     [last post, conversation], a segmented list of the newest `MAX_CONVERSATIONS`
tagindex:LETTERS       hashtags that begin so
trend:KIND:HOUR:SHARD  who used what in an hour (`trending.Bucket`)
chunk:POST:SHARD       a part of a fan-out that any replica may do
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.feed.document_cache import DocumentCache
from services.feed.domain import (
    FOLLOWER_SHARDS,
    MAX_HOME_ROWS,
    MAX_PUBLIC_ROWS,
    MAX_TAG_ROWS,
    AccountProjection,
    FollowerShard,
    HomeHashtags,
    InteractionFlags,
    LargeAuthors,
    PostProjection,
    ReaderRelations,
    RecentInteractions,
    Row,
    follower_shard,
)
from services.feed.domain.conversations import ConversationRecord
from services.feed.domain.trending import WINDOW_HOURS, TrendBucket
from services.shared.block_list import BlockState

FANOUT_TOPIC = "feed-fanout"
_CHUNK_TTL = 24 * 3600
MAX_CONVERSATIONS = 1_000
"""How many of somebody's conversations, the newest, are in their list."""

_MAX_BUCKET_SIZE = 200


@dataclass(frozen=True, slots=True)
class FanOutChunk:
    """A row that is to be put into the homes of one shard of its author's followers."""

    row: Row
    shard: int


@dataclass(frozen=True, slots=True)
class HashtagBucket:
    """Hashtags that begin alike; one that is full sends on to those of one letter more."""

    names: list[str] = field(default_factory=list)

    def with_tag(self, tag: str) -> HashtagBucket:
        """With a hashtag, if it has room."""
        if tag in self.names or len(self.names) >= _MAX_BUCKET_SIZE:
            return self
        return HashtagBucket([*self.names, tag])


class Repository:
    """The feed's documents and lists."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.cache = DocumentCache(self.state)
        fanout = service.outbox(FANOUT_TOPIC).publishes("chunk", "fanout.due")
        self.posts = service.collection("card", PostProjection)
        self.accounts = service.collection("person", AccountProjection)
        self.recent_interactions = service.collection("marks", RecentInteractions)
        self.older_interactions = service.collection("mark", InteractionFlags)
        self.relations = service.collection("stance", ReaderRelations)
        self.block_states = service.collection("blocked", BlockState)
        self.home_tags = service.collection("hometags", HomeHashtags)
        self.home_tags_cache = DocumentCache(self.state, absent=True)
        self.follower_shards = service.collection("followers", FollowerShard)
        self.large_authors = service.collection("large", LargeAuthors)
        self.chunks = service.collection("chunk", FanOutChunk, outbox=fanout, ttl=_CHUNK_TTL)
        self.tag_index = service.collection("tagindex", HashtagBucket)
        self.trend_buckets = service.collection("trend", TrendBucket, ttl=(WINDOW_HOURS + 2) * 3600)
        self.homes = SegmentedLists(self.state, "home", max_rows=MAX_HOME_ROWS, segment_size=40)
        self.authors = SegmentedLists(self.state, "author")
        self.tags = SegmentedLists(self.state, "tag", max_rows=MAX_TAG_ROWS)
        self.public = SegmentedLists(self.state, "public", max_rows=MAX_PUBLIC_ROWS)
        self.conversations = service.collection("conversation", ConversationRecord)
        self.conversation_lists = SegmentedLists(
            self.state, "conversations", max_rows=MAX_CONVERSATIONS
        )

    def timelines(self, kind: str) -> SegmentedLists:
        """The timelines of a kind that `domain.lists_of` names."""
        return {"author": self.authors, "public": self.public, "tag": self.tags}[kind]

    async def find_deleted(self, ids: list[str]) -> list[str]:
        """Those of some people who deleted their account. One state call."""
        people = await self.accounts.get_many(ids)
        return [id for id, person in people.items() if person.profile.get("deleted")]

    async def delete_account(self, id: str) -> None:
        """Remove what is somebody's alone; their posts go by their own events. Again is fine."""
        await self.homes.replace(id, [])
        await self.relations.delete(id)
        await self.recent_interactions.delete(id)
        await self.home_tags.delete(id)
        for shard in range(FOLLOWER_SHARDS):
            await self.follower_shards.delete(f"{id}:{shard}")
        await self.large_authors.update("all", lambda large: large.without(id) if large else None)
        await self.delete_conversations(id)

    async def delete_conversations(self, id: str) -> None:
        """Remove what somebody had of conversations: a state call for each, at most."""
        for row in await self.conversation_lists.all(id):
            await self.conversations.delete(f"{id}:{row[1]}")
        await self.conversation_lists.replace(id, [])

    async def delete_edges(self, id: str, source: str) -> None:
        """Remove what an edge from a source has just said of somebody who is gone."""
        await self.relations.delete(id)
        await self.block_states.delete(f"{id}:{source}")
        await self.follower_shards.delete(f"{id}:{follower_shard(source)}")

    async def apply_followed_tags(self, id: str, tags: Sequence[str], version: int) -> None:
        """Remember which hashtags somebody follows. Five state calls."""
        await self.relations.update(
            id, lambda stance: (stance or ReaderRelations()).apply_tags(tags, version)
        )
        await self.home_tags.update(id, lambda kept: (kept or HomeHashtags()).apply(tags, version))
        if await self.find_deleted([id]):
            await self.relations.delete(id)
            await self.home_tags.delete(id)
        self.home_tags_cache.forget(self.home_tags.key(id))

    async def apply_block(self, id: str, source: str, version: int, *, blocks: bool) -> None:
        """Remember whether a source blocks somebody. Two state calls, four for the shunned."""
        stance = await self.relations.update(
            id,
            lambda stance: (stance or ReaderRelations()).apply_block(
                source, blocks=blocks, version=version
            ),
        )
        if (
            stance is None
            or not stance.is_stored_separately(source)
            or (version == 1 and not blocks)
        ):
            return
        await self.block_states.update(
            f"{id}:{source}",
            lambda known: (known or BlockState()).apply(version, blocks=blocks),
        )

    async def with_block_states(
        self, stances: Mapping[str, ReaderRelations], authors: Iterable[str]
    ) -> Mapping[str, ReaderRelations]:
        """Stances that know all of some authors. A state call only where somebody is shunned."""
        authors = set(authors)
        apart = {
            id: [author for author in authors if stance.is_stored_separately(author)]
            for id, stance in stances.items()
            if stance.shunned
        }
        asked = {f"{id}:{author}": (id, author) for id, some in apart.items() for author in some}
        if not asked:
            return stances
        known: dict[str, dict[str, BlockState]] = {id: {} for id in apart}
        for key, blocked in (await self.block_states.get_many(asked)).items():
            id, author = asked[key]
            known[id][author] = blocked
        return {**stances, **{id: stances[id].with_separate(some) for id, some in known.items()}}

    async def followers(self, author: str) -> list[list[str]]:
        """Somebody's followers, shard by shard. One state call."""
        ids = [f"{author}:{shard}" for shard in range(FOLLOWER_SHARDS)]
        shards = await self.follower_shards.get_many(ids)
        return [shards.get(id, FollowerShard()).followers for id in ids]

    async def update_post(
        self,
        id: str,
        heard: Callable[[PostProjection], PostProjection],
        *,
        expect_absent: bool = False,
    ) -> PostProjection:
        """Change what is known of a post; `expect_absent` says that nothing is, most likely."""
        card = await self.posts.update(
            id, lambda card: heard(card or PostProjection()), expect_absent=expect_absent
        )
        self.cache.forget(self.posts.key(id))
        return card or PostProjection()

    async def update_account(
        self, id: str, heard: Callable[[AccountProjection], AccountProjection]
    ) -> None:
        """Change what is known of a person."""
        await self.accounts.update(id, lambda person: heard(person or AccountProjection()))
        self.cache.forget(self.accounts.key(id))

    async def set_interaction(self, user: str, post: str, flags: int, version: int) -> None:
        """Remember what somebody did with a post. Two state calls for a recent post, else four."""
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
