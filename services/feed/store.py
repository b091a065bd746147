"""What the feed keeps, all of it derived from events.

card:POST              a post as last heard of, with its counts
person:ACCOUNT         a profile as last heard of, with its counts
mark:USER:POST         whether somebody likes or keeps a post
stance:USER            whom somebody follows, hides, is blocked by
followers:USER:SHARD   the other way round, in `SHARDS` parts
large:all              authors that are merged in at read time
home:USER, author:USER, tag:TAG, public:all     timelines (segmented lists of rows)
chunk:POST:SHARD       a part of a fan-out that any replica may do
"""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.app import Service
from services.chassis.segments import SegmentedLists
from services.feed.domain import (
    HOME,
    PUBLIC,
    SHARDS,
    TAG,
    Card,
    LargeAuthors,
    Marked,
    Person,
    Row,
    Shard,
    Stance,
)

FANOUT = "feed-fanout"
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Chunk:
    """A row that is to be put into the homes of one shard of its author's followers."""

    row: Row
    shard: int


class Store:
    """The feed's documents and lists."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        fanout = service.outbox(FANOUT).tells("chunk", "fanout.due")
        self.cards = service.collection("card", Card)
        self.people = service.collection("person", Person)
        self.marks = service.collection("mark", Marked)
        self.stances = service.collection("stance", Stance)
        self.shards = service.collection("followers", Shard)
        self.large = service.collection("large", LargeAuthors)
        self.chunks = service.collection("chunk", Chunk, outbox=fanout, ttl=_DAY)
        self.homes = SegmentedLists(self.state, "home", most=HOME)
        self.authors = SegmentedLists(self.state, "author")
        self.tags = SegmentedLists(self.state, "tag", most=TAG)
        self.public = SegmentedLists(self.state, "public", most=PUBLIC)

    def lists(self, kind: str) -> SegmentedLists:
        """The timelines of a kind that `domain.lists_of` names."""
        return {"author": self.authors, "public": self.public, "tag": self.tags}[kind]

    async def followers(self, author: str) -> list[list[str]]:
        """Somebody's followers, shard by shard. One state call."""
        ids = [f"{author}:{shard}" for shard in range(SHARDS)]
        shards = await self.shards.get_many(ids)
        return [shards.get(id, Shard()).followers for id in ids]
