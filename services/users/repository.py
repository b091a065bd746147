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

from services.chassis.dapr.state import StateEntry
from services.chassis.ids import id_time
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.list_codec import decode_total
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import events
from services.users.domain.edges import RelationshipEdge, edge_id
from services.users.domain.followed_tags import TagSubscriptions
from services.users.domain.name_index import IndexedNames, NameBucket
from services.users.domain.profiles import LoginStatus, UserProfile
from services.users.domain.reports import ModerationReport
from services.users.domain.statistics import StatisticsShard

_PRIVATE_LISTS = ("requests", "asked", "blocks", "blockers", "mutes", "muters", "noted")
MAX_ARRIVALS = 240
MAX_DISMISSED = 500


@dataclass(frozen=True, slots=True)
class UsernameOwner:
    """Whose a username is."""

    id: str


@dataclass(frozen=True, slots=True)
class ScheduledMuteExpiries:
    """Edges whose mutes may end at some time."""

    edges: tuple[str, ...] = ()

    def with_edge(self, edge: str) -> ScheduledMuteExpiries:
        """With one more, once."""
        return self if edge in self.edges else ScheduledMuteExpiries((*self.edges, edge))


@dataclass(frozen=True, slots=True)
class MuteExpiryCursor:
    """The last span of which nothing is left to end."""

    span: int


@dataclass(frozen=True, slots=True)
class DismissedSuggestions:
    """Whom somebody does not want to be suggested; the oldest are forgotten."""

    ids: tuple[str, ...] = ()

    def with_id(self, id: str) -> DismissedSuggestions:
        """With one more, once."""
        return self if id in self.ids else DismissedSuggestions((*self.ids, id)[-MAX_DISMISSED:])


@dataclass(frozen=True, slots=True)
class AuthorPostCount:
    """How many posts somebody has, and the newest, as of a version of posts' own count."""

    total: int = 0
    last_post: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class AccountView:
    """Somebody with their numbers, and how they and who looks at them stand to each other."""

    profile: UserProfile
    version: int
    followers: int
    following: int
    post_count: AuthorPostCount
    edge: RelationshipEdge
    reverse: RelationshipEdge

    @property
    def is_separated(self) -> bool:
        """Whether they are kept from one another: by a block, or by a suspension."""
        return self.edge.blocking or self.reverse.blocking or self.profile.suspended

    @property
    def is_blocked_by_viewer_only(self) -> bool:
        """Whether only a block by who looks at them keeps the two apart."""
        return self.edge.blocking and not (self.reverse.blocking or self.profile.suspended)

    def account(self) -> dict[str, Any]:
        """As the contracts' `Account`."""
        last = self.post_count.last_post
        return {
            "profile": self.profile,
            "counts": {
                "followers": self.followers,
                "following": self.following,
                "statuses": self.post_count.total,
                "last_status_at": id_time(last).date().isoformat() if last else None,
            },
            "version": self.version,
        }


class Repository:
    """The service's documents and lists, and the reads that take many of them in one call."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self._map_events(service)
        accounts, edges = service.outbox("accounts"), service.outbox("edges")
        counts = service.outbox("account-counts")
        self.users = service.collection("user", UserProfile, outbox=accounts)
        self.login_statuses = service.collection("standing", LoginStatus)
        self.reports = service.collection("report", ModerationReport)
        self.reported = SegmentedLists(self.state, "reported")
        self.names = service.collection("name", UsernameOwner)
        self.edges = service.collection("edge", RelationshipEdge, outbox=edges)
        self.tags = service.collection(
            "tags", TagSubscriptions, outbox=service.outbox(events.TAGS_FOLLOWED.topic)
        )
        self.statistics = service.collection("census", StatisticsShard)
        self.post_counts = service.collection("posted", AuthorPostCount)
        self.buckets = service.collection("bucket", NameBucket)
        self.indexed = service.collection("indexed", IndexedNames)
        self.mute_expiries = service.collection("ending", ScheduledMuteExpiries)
        self.mute_expiry_cursor = service.collection("swept", MuteExpiryCursor)
        self.dismissed = service.collection("dismissed", DismissedSuggestions)
        self.arrivals = SegmentedLists(self.state, "arrivals", most=MAX_ARRIVALS)
        self.followers = SegmentedLists(self.state, "followers", outbox=counts)
        self.following = SegmentedLists(self.state, "following", outbox=counts)
        self._lists = {
            "followers": self.followers,
            "following": self.following,
            **{kind: SegmentedLists(self.state, kind) for kind in _PRIVATE_LISTS},
        }

    @staticmethod
    def _map_events(service: Service) -> None:
        for kind, event, tell in (
            ("user", events.ACCOUNT_CHANGED, lambda _, profile: profile),
            ("edge", events.EDGE_CHANGED, _edge_event),
            ("followers", events.FOLLOWERS_COUNTED, _count_event),
            ("following", events.FOLLOWING_COUNTED, _count_event),
            ("tags", events.TAGS_FOLLOWED, _followed_tags_event),
        ):
            service.outbox(event.topic).publishes(kind, event.name, tell)

    def lists(self, kind: str) -> SegmentedLists:
        """The lists of a kind that `domain.edges.listings` names."""
        return self._lists[kind]

    async def account_views(self, ids: Iterable[str], viewer: str = "") -> dict[str, AccountView]:
        """Those of some people who are there, as somebody sees them. One state call."""
        ids = list(dict.fromkeys(ids))
        rows = await self.state.get_many([key for id in ids for key in self._keys(id, viewer)])
        found = {id: self._account_view(id, viewer, rows) for id in ids}
        return {id: person for id, person in found.items() if person is not None}

    async def pair(self, source: str, target: str) -> tuple[RelationshipEdge, RelationshipEdge]:
        """How two people stand to each other. One state call."""
        rows = await self.state.get_many(
            [self.edge_key(source, target), self.edge_key(target, source)]
        )
        return self.decode_edge(rows, source, target), self.decode_edge(rows, target, source)

    def edge_key(self, source: str, target: str) -> str:
        """Where an edge lies."""
        return self.edges.key(edge_id(source, target))

    def decode_edge(
        self, rows: dict[str, StateEntry], source: str, target: str
    ) -> RelationshipEdge:
        """An edge among rows that were read; where there is none, one that says nothing."""
        return decode_document(rows, self.edges, edge_id(source, target)) or RelationshipEdge(
            source, target
        )

    def decode_profile(self, rows: dict[str, StateEntry], id: str) -> UserProfile | None:
        """A profile among rows that were read, unless it was deleted."""
        profile = decode_document(rows, self.users, id)
        return None if profile is None or profile.deleted else profile

    def is_deleted(self, rows: dict[str, StateEntry], id: str) -> bool:
        """Whether somebody among rows that were read deleted their account."""
        profile: UserProfile | None = decode_document(rows, self.users, id)
        return profile is not None and profile.deleted

    def decode_head(self, rows: dict[str, StateEntry], kind: str, id: str) -> ListHead:
        """A list's head among rows that were read."""
        return decode_document(rows, self._lists[kind].heads, id) or ListHead()

    def decode_total(self, rows: dict[str, StateEntry], kind: str, id: str) -> int:
        """How long a list is; without looking at its rows, which may be many."""
        entry = rows.get(self._lists[kind].heads.key(id))
        return decode_total(entry.value["data"]) if entry else 0

    def _keys(self, id: str, viewer: str) -> list[str]:
        keys = [
            self.users.key(id),
            self.followers.heads.key(id),
            self.following.heads.key(id),
            self.post_counts.key(id),
        ]
        if viewer and viewer != id:
            keys += [self.edge_key(viewer, id), self.edge_key(id, viewer)]
        return keys

    def _account_view(
        self, id: str, viewer: str, rows: dict[str, StateEntry]
    ) -> AccountView | None:
        entry = rows.get(self.users.key(id))
        doc = self.users.decode(entry) if entry else None
        if doc is None or doc.value.deleted:
            return None
        return AccountView(
            doc.value,
            doc.version,
            self.decode_total(rows, "followers", id),
            self.decode_total(rows, "following", id),
            decode_document(rows, self.post_counts, id) or AuthorPostCount(),
            self.decode_edge(rows, viewer, id),
            self.decode_edge(rows, id, viewer),
        )


def decode_document(rows: dict[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    """A document among rows that were read, or None."""
    entry = rows.get(collection.key(id))
    doc = collection.decode(entry) if entry else None
    return doc.value if doc else None


def _edge_event(_: str, edge: dict[str, Any]) -> dict[str, Any]:
    """As the contracts' `RelationshipEdge`: without the places it has, and had, in lists."""
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


def _count_event(id: str, head: dict[str, Any]) -> dict[str, Any]:
    return {"account": id, "total": decode_total(head)}


def _followed_tags_event(id: str, followed: dict[str, Any]) -> dict[str, Any]:
    return {"account": id, "tags": list(followed["tags"])}
