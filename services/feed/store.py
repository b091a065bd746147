"""What the feed keeps, derived from events but for what people say of their conversations.

card:POST              a post as last heard of, with its counts
person:ACCOUNT         a profile as last heard of, with its counts
marks:USER             whether somebody likes or keeps posts, the newest ones
mark:USER:POST         the same for older ones
blocked:USER:PERSON    whether somebody blocks a user whom very many block
hometags:USER          the hashtags whose posts somebody has at home
stance:USER            whom somebody follows, hides, is blocked by; what they pinned
followers:USER:SHARD   the other way round, in `SHARDS` parts
large:all              authors that are merged in at read time
home:USER, author:USER, tag:TAG, public:all     timelines (segmented lists of rows)
conversation:USER:ID   what somebody has of a conversation, and how far they have read it
conversations:USER     [last post, conversation], a segmented list of the newest `CONVERSATIONS`
tagindex:LETTERS       hashtags that begin so
trend:KIND:HOUR:SHARD  who used what in an hour (`trending.Bucket`)
chunk:POST:SHARD       a part of a fan-out that any replica may do
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.feed.conversation import Conversation
from services.feed.domain import (
    HOME,
    PUBLIC,
    SHARDS,
    TAG,
    Card,
    HomeTags,
    LargeAuthors,
    Marked,
    Person,
    RecentMarks,
    Row,
    Shard,
    Stance,
    shard_of,
)
from services.feed.memory import Memory
from services.feed.trending import HOURS, Bucket
from services.shared.block_list import BlockState

FANOUT = "feed-fanout"
_DAY = 24 * 3600
CONVERSATIONS = 1_000
"""How many of somebody's conversations, the newest, are in their list."""

_MOST_IN_BUCKET = 200


@dataclass(frozen=True, slots=True)
class Chunk:
    """A row that is to be put into the homes of one shard of its author's followers."""

    row: Row
    shard: int


@dataclass(frozen=True, slots=True)
class TagBucket:
    """Hashtags that begin alike; one that is full sends on to those of one letter more."""

    names: list[str] = field(default_factory=list)

    def adding(self, tag: str) -> TagBucket:
        """With a hashtag, if it has room."""
        if tag in self.names or len(self.names) >= _MOST_IN_BUCKET:
            return self
        return TagBucket([*self.names, tag])


class Store:
    """The feed's documents and lists."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.memory = Memory(self.state)
        fanout = service.outbox(FANOUT).publishes("chunk", "fanout.due")
        self.cards = service.collection("card", Card)
        self.people = service.collection("person", Person)
        self.recent_marks = service.collection("marks", RecentMarks)
        self.older_marks = service.collection("mark", Marked)
        self.stances = service.collection("stance", Stance)
        self.blocked = service.collection("blocked", BlockState)
        self.home_tags = service.collection("hometags", HomeTags)
        self.home_tags_memory = Memory(self.state, absent=True)
        self.shards = service.collection("followers", Shard)
        self.large = service.collection("large", LargeAuthors)
        self.chunks = service.collection("chunk", Chunk, outbox=fanout, ttl=_DAY)
        self.tag_index = service.collection("tagindex", TagBucket)
        self.trends = service.collection("trend", Bucket, ttl=(HOURS + 2) * 3600)
        self.homes = SegmentedLists(self.state, "home", most=HOME, segment=40)
        self.authors = SegmentedLists(self.state, "author")
        self.tags = SegmentedLists(self.state, "tag", most=TAG)
        self.public = SegmentedLists(self.state, "public", most=PUBLIC)
        self.conversations = service.collection("conversation", Conversation)
        self.conversation_lists = SegmentedLists(self.state, "conversations", most=CONVERSATIONS)

    def lists(self, kind: str) -> SegmentedLists:
        """The timelines of a kind that `domain.lists_of` names."""
        return {"author": self.authors, "public": self.public, "tag": self.tags}[kind]

    async def gone(self, ids: list[str]) -> list[str]:
        """Those of some people who deleted their account. One state call."""
        people = await self.people.get_many(ids)
        return [id for id, person in people.items() if person.profile.get("deleted")]

    async def forget(self, id: str) -> None:
        """Remove what is somebody's alone; their posts go by their own events. Again is fine."""
        await self.homes.replace(id, [])
        await self.stances.delete(id)
        await self.recent_marks.delete(id)
        await self.home_tags.delete(id)
        for shard in range(SHARDS):
            await self.shards.delete(f"{id}:{shard}")
        await self.large.update("all", lambda large: large.without(id) if large else None)
        await self.forget_conversations(id)

    async def forget_conversations(self, id: str) -> None:
        """Remove what somebody had of conversations: a state call for each, at most."""
        for row in await self.conversation_lists.all(id):
            await self.conversations.delete(f"{id}:{row[1]}")
        await self.conversation_lists.replace(id, [])

    async def forget_edges(self, id: str, source: str) -> None:
        """Remove what an edge from a source has just said of somebody who is gone."""
        await self.stances.delete(id)
        await self.blocked.delete(f"{id}:{source}")
        await self.shards.delete(f"{id}:{shard_of(source)}")

    async def hear_tags(self, id: str, tags: Sequence[str], version: int) -> None:
        """Remember which hashtags somebody follows. Five state calls."""
        await self.stances.update(id, lambda stance: (stance or Stance()).heard_tags(tags, version))
        await self.home_tags.update(id, lambda kept: (kept or HomeTags()).heard(tags, version))
        if await self.gone([id]):
            await self.stances.delete(id)
            await self.home_tags.delete(id)
        self.home_tags_memory.forget(self.home_tags.key(id))

    async def hear_block(self, id: str, source: str, version: int, *, blocks: bool) -> None:
        """Remember whether a source blocks somebody. Two state calls, four for the shunned."""
        stance = await self.stances.update(
            id,
            lambda stance: (stance or Stance()).apply_block(source, blocks=blocks, version=version),
        )
        if (
            stance is None
            or not stance.is_stored_separately(source)
            or (version == 1 and not blocks)
        ):
            return
        await self.blocked.update(
            f"{id}:{source}",
            lambda known: (known or BlockState()).apply(version, blocks=blocks),
        )

    async def towards(
        self, stances: Mapping[str, Stance], authors: Iterable[str]
    ) -> Mapping[str, Stance]:
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
        for key, blocked in (await self.blocked.get_many(asked)).items():
            id, author = asked[key]
            known[id][author] = blocked
        return {**stances, **{id: stances[id].with_separate(some) for id, some in known.items()}}

    async def followers(self, author: str) -> list[list[str]]:
        """Somebody's followers, shard by shard. One state call."""
        ids = [f"{author}:{shard}" for shard in range(SHARDS)]
        shards = await self.shards.get_many(ids)
        return [shards.get(id, Shard()).followers for id in ids]

    async def change_card(
        self, id: str, heard: Callable[[Card], Card], *, fresh: bool = False
    ) -> Card:
        """Change what is known of a post; `fresh` says that nothing is, most likely."""
        card = await self.cards.update(id, lambda card: heard(card or Card()), fresh=fresh)
        self.memory.forget(self.cards.key(id))
        return card or Card()

    async def change_person(self, id: str, heard: Callable[[Person], Person]) -> None:
        """Change what is known of a person."""
        await self.people.update(id, lambda person: heard(person or Person()))
        self.memory.forget(self.people.key(id))

    async def mark(self, user: str, post: str, flags: int, version: int) -> None:
        """Remember what somebody did with a post. Two state calls for a recent post, else four."""
        recent = await self.recent_marks.update(
            user, lambda known: (known or RecentMarks()).heard(post, flags, version)
        )
        if recent is None or post <= recent.floor:
            await self._mark_older(user, post, flags, version)
        elif older := recent.oldest():
            for id, mark in older.items():
                await self._mark_older(user, id, *mark)
            await self.recent_marks.update(
                user, lambda known: known.without(older) if known else None
            )

    async def _mark_older(self, user: str, post: str, flags: int, version: int) -> None:
        marked = Marked(flags, version)
        await self.older_marks.update(
            f"{user}:{post}",
            lambda known: known if known and known.version >= version else marked,
        )
