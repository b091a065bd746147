"""What the users service keeps.

user:ID                     a profile                              → account.changed
standing:ID                 role and suspension, as auth says
name:USERNAME               the id behind a username (lower case)
edge:SOURCE:TARGET          one person's stance on another         → edge.changed
followers:ID, following:ID  lists that follow from edges           → followers/following.counted
requests:ID, blocks:ID, mutes:ID    more of them, for their owner alone
asked:ID, blockers:ID, muters:ID, noted:ID      more of them, for nobody: to find every edge
posted:ID                   how much somebody has posted, as posts says
tags:ID                     the hashtags that somebody follows     → tags.followed
census:SHARD                one line for each of some people, for counting
report:ID                   what somebody told the admins; in the list reported:open or :resolved
bucket:LETTERS, indexed:ID  the index of names
ending:SPAN, swept:all      which mutes end in some seconds; how far those have been ended
arrivals:all                the newest people who want to be discovered
dismissed:ID                whom somebody does not want to be suggested
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.client import StateEntry
from services.chassis.ids import id_time
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.segmented_list import ListHead, SegmentedLists, decode_total
from services.contracts import events
from services.users.domain.census import Sheet
from services.users.domain.edges import Edge, edge_id
from services.users.domain.names import Bucket, Indexed
from services.users.domain.profiles import Profile, Standing
from services.users.domain.reports import Report
from services.users.domain.tags import FollowedTags

_PRIVATE_LISTS = ("requests", "asked", "blocks", "blockers", "mutes", "muters", "noted")
MOST_ARRIVALS = 240
MOST_DISMISSED = 500


@dataclass(frozen=True, slots=True)
class Name:
    """Whose a username is."""

    id: str


@dataclass(frozen=True, slots=True)
class Ending:
    """Edges whose mutes may end at some time."""

    edges: tuple[str, ...] = ()

    def adding(self, edge: str) -> Ending:
        """With one more, once."""
        return self if edge in self.edges else Ending((*self.edges, edge))


@dataclass(frozen=True, slots=True)
class Swept:
    """The last span of which nothing is left to end."""

    span: int


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Whom somebody does not want to be suggested; the oldest are forgotten."""

    ids: tuple[str, ...] = ()

    def adding(self, id: str) -> Dismissed:
        """With one more, once."""
        return self if id in self.ids else Dismissed((*self.ids, id)[-MOST_DISMISSED:])


@dataclass(frozen=True, slots=True)
class Posted:
    """How many posts somebody has, and the newest, as of a version of posts' own count."""

    total: int = 0
    last_post: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with their numbers, and how they and who looks at them stand to each other."""

    profile: Profile
    version: int
    followers: int
    following: int
    posted: Posted
    edge: Edge
    reverse: Edge

    @property
    def apart(self) -> bool:
        """Whether they are kept from one another: by a block, or by a suspension."""
        return self.edge.blocking or self.reverse.blocking or self.profile.suspended

    @property
    def parted_by_viewer(self) -> bool:
        """Whether only a block by who looks at them keeps the two apart."""
        return self.edge.blocking and not (self.reverse.blocking or self.profile.suspended)

    def account(self) -> dict[str, Any]:
        """As the contracts' `Account`."""
        last = self.posted.last_post
        return {
            "profile": self.profile,
            "counts": {
                "followers": self.followers,
                "following": self.following,
                "statuses": self.posted.total,
                "last_status_at": id_time(last).date().isoformat() if last else None,
            },
            "version": self.version,
        }


class Store:
    """The service's documents and lists, and the reads that take many of them in one call."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self._tell(service)
        accounts, edges = service.outbox("accounts"), service.outbox("edges")
        counts = service.outbox("account-counts")
        self.users = service.collection("user", Profile, outbox=accounts)
        self.standings = service.collection("standing", Standing)
        self.reports = service.collection("report", Report)
        self.reported = SegmentedLists(self.state, "reported")
        self.names = service.collection("name", Name)
        self.edges = service.collection("edge", Edge, outbox=edges)
        self.tags = service.collection(
            "tags", FollowedTags, outbox=service.outbox(events.TAGS_FOLLOWED.topic)
        )
        self.census = service.collection("census", Sheet)
        self.posted = service.collection("posted", Posted)
        self.buckets = service.collection("bucket", Bucket)
        self.indexed = service.collection("indexed", Indexed)
        self.endings = service.collection("ending", Ending)
        self.swept = service.collection("swept", Swept)
        self.dismissed = service.collection("dismissed", Dismissed)
        self.arrivals = SegmentedLists(self.state, "arrivals", most=MOST_ARRIVALS)
        self.followers = SegmentedLists(self.state, "followers", outbox=counts)
        self.following = SegmentedLists(self.state, "following", outbox=counts)
        self._lists = {
            "followers": self.followers,
            "following": self.following,
            **{kind: SegmentedLists(self.state, kind) for kind in _PRIVATE_LISTS},
        }

    @staticmethod
    def _tell(service: Service) -> None:
        for kind, event, tell in (
            ("user", events.ACCOUNT_CHANGED, lambda _, profile: profile),
            ("edge", events.EDGE_CHANGED, _edge_told),
            ("followers", events.FOLLOWERS_COUNTED, _count_told),
            ("following", events.FOLLOWING_COUNTED, _count_told),
            ("tags", events.TAGS_FOLLOWED, _tags_told),
        ):
            service.outbox(event.topic).publishes(kind, event.name, tell)

    def lists(self, kind: str) -> SegmentedLists:
        """The lists of a kind that `domain.edges.listings` names."""
        return self._lists[kind]

    async def people(self, ids: Iterable[str], viewer: str = "") -> dict[str, Person]:
        """Those of some people who are there, as somebody sees them. One state call."""
        ids = list(dict.fromkeys(ids))
        rows = await self.state.get_many([key for id in ids for key in self._keys(id, viewer)])
        found = {id: self._person(id, viewer, rows) for id in ids}
        return {id: person for id, person in found.items() if person is not None}

    async def pair(self, source: str, target: str) -> tuple[Edge, Edge]:
        """How two people stand to each other. One state call."""
        rows = await self.state.get_many(
            [self.edge_key(source, target), self.edge_key(target, source)]
        )
        return self.edge_in(rows, source, target), self.edge_in(rows, target, source)

    def edge_key(self, source: str, target: str) -> str:
        """Where an edge lies."""
        return self.edges.key(edge_id(source, target))

    def edge_in(self, rows: dict[str, StateEntry], source: str, target: str) -> Edge:
        """An edge among rows that were read; where there is none, one that says nothing."""
        return open_in(rows, self.edges, edge_id(source, target)) or Edge(source, target)

    def profile_in(self, rows: dict[str, StateEntry], id: str) -> Profile | None:
        """A profile among rows that were read, unless it was deleted."""
        profile = open_in(rows, self.users, id)
        return None if profile is None or profile.deleted else profile

    def is_gone_in(self, rows: dict[str, StateEntry], id: str) -> bool:
        """Whether somebody among rows that were read deleted their account."""
        profile: Profile | None = open_in(rows, self.users, id)
        return profile is not None and profile.deleted

    def head_in(self, rows: dict[str, StateEntry], kind: str, id: str) -> ListHead:
        """A list's head among rows that were read."""
        return open_in(rows, self._lists[kind].heads, id) or ListHead()

    def total_in(self, rows: dict[str, StateEntry], kind: str, id: str) -> int:
        """How long a list is; without looking at its rows, which may be many."""
        entry = rows.get(self._lists[kind].heads.key(id))
        return decode_total(entry.value["data"]) if entry else 0

    def _keys(self, id: str, viewer: str) -> list[str]:
        keys = [
            self.users.key(id),
            self.followers.heads.key(id),
            self.following.heads.key(id),
            self.posted.key(id),
        ]
        if viewer and viewer != id:
            keys += [self.edge_key(viewer, id), self.edge_key(id, viewer)]
        return keys

    def _person(self, id: str, viewer: str, rows: dict[str, StateEntry]) -> Person | None:
        entry = rows.get(self.users.key(id))
        doc = self.users.decode(entry) if entry else None
        if doc is None or doc.value.deleted:
            return None
        return Person(
            doc.value,
            doc.version,
            self.total_in(rows, "followers", id),
            self.total_in(rows, "following", id),
            open_in(rows, self.posted, id) or Posted(),
            self.edge_in(rows, viewer, id),
            self.edge_in(rows, id, viewer),
        )


def open_in(rows: dict[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    """A document among rows that were read, or None."""
    entry = rows.get(collection.key(id))
    doc = collection.decode(entry) if entry else None
    return doc.value if doc else None


def _edge_told(_: str, edge: dict[str, Any]) -> dict[str, Any]:
    """As the contracts' `Edge`: without the places it has, and had, in lists."""
    following, requested = edge["follow"]["taken"], edge["request"]["taken"]
    place = edge["follow"] if following else edge["request"]
    return {
        "source": edge["source"],
        "target": edge["target"],
        "follow_id": place["id"] if following or requested else "",
        "following": following,
        "requested": requested,
        "show_reblogs": edge["show_reblogs"],
        "notify": edge["notify"],
        "blocking": edge["block"]["taken"],
        "muting": edge["mute"]["taken"],
        "muting_notifications": edge["muting_notifications"],
        "muted_until": edge["muted_until"],
        "note": edge["note"],
    }


def _count_told(id: str, head: dict[str, Any]) -> dict[str, Any]:
    return {"account": id, "total": decode_total(head)}


def _tags_told(id: str, followed: dict[str, Any]) -> dict[str, Any]:
    return {"account": id, "tags": list(followed["tags"])}
