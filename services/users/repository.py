"""The documents and lists of the users service.

user:ID                     a profile                                       -> account.changed
standing:ID                 role and suspension, as auth states them
name:USERNAME               the id of a username, in lower case
edge:SOURCE:TARGET          the relationship of one account to another      -> edge.changed
followers:ID, following:ID  lists derived from edges            -> followers/following.counted
requests:ID, blocks:ID, mutes:ID    more of them, for their owner alone
asked:ID, blockers:ID, muters:ID, noted:ID      more of them, never shown: to find every edge
posted:ID                   the number of an account's posts, as posts states it
tags:ID                     the hashtags that an account follows            -> tags.followed
census:SHARD                the statistics of some accounts
report:ID                   a report to the admins; in the list reported:open or :resolved
bucket:LETTERS, indexed:ID  the index of names
ending:SPAN, swept:all      the mutes that end within a span; the last span without any
arrivals:all                the newest accounts that are discoverable
dismissed:ID                accounts not to suggest to an account
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.documents import Document
from services.chassis.storage.list_codec import decode_total
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import events
from services.users.domain.account_view import AccountView
from services.users.domain.edges import RelationshipEdge, edge_id
from services.users.domain.followed_tags import TagSubscriptions
from services.users.domain.mutes import MuteExpiryCursor, ScheduledMuteExpiries
from services.users.domain.name_index import IndexedNames, NameBucket
from services.users.domain.profiles import LoginStatus, UsernameOwner, UserProfile
from services.users.domain.reports import ModerationReport
from services.users.domain.statistics import AuthorPostCount, StatisticsShard
from services.users.domain.suggestions import DismissedSuggestions

MAX_ARRIVALS = 240
_PRIVATE_LISTS = ("requests", "asked", "blocks", "blockers", "mutes", "muters", "noted")

Rows = dict[str, StateEntry]


class Repository:
    """The collections and lists, and the reads that fetch many documents in one call."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.users = service.collection("user", UserProfile, publishes=events.ACCOUNT_CHANGED)
        self.login_statuses = service.collection("standing", LoginStatus)
        self.reports = service.collection("report", ModerationReport)
        self.reported = service.lists("reported")
        self.names = service.collection("name", UsernameOwner)
        self.edges = service.collection(
            "edge", RelationshipEdge, publishes=events.EDGE_CHANGED, to_event=_edge_event
        )
        self.tags = service.collection(
            "tags",
            TagSubscriptions,
            publishes=events.TAGS_FOLLOWED,
            to_event=_followed_tags_event,
        )
        self.statistics = service.collection("census", StatisticsShard)
        self.post_counts = service.collection("posted", AuthorPostCount)
        self.buckets = service.collection("bucket", NameBucket)
        self.indexed = service.collection("indexed", IndexedNames)
        self.mute_expiries = service.collection("ending", ScheduledMuteExpiries)
        self.mute_expiry_cursor = service.collection("swept", MuteExpiryCursor)
        self.dismissed = service.collection("dismissed", DismissedSuggestions)
        self.arrivals = service.lists("arrivals", max_rows=MAX_ARRIVALS)
        self.followers = service.lists(
            "followers", publishes=events.FOLLOWERS_COUNTED, to_event=_count_event
        )
        self.following = service.lists(
            "following", publishes=events.FOLLOWING_COUNTED, to_event=_count_event
        )
        self._lists = {
            "followers": self.followers,
            "following": self.following,
            **{kind: service.lists(kind) for kind in _PRIVATE_LISTS},
        }

    def lists(self, kind: str) -> SegmentedLists:
        """Return the lists of a kind that `domain.relationship_lists` names."""
        return self._lists[kind]

    async def account_views(self, ids: Iterable[str], viewer: str = "") -> dict[str, AccountView]:
        """Return the accounts that exist, as a viewer sees them. One state call."""
        ids = list(dict.fromkeys(ids))
        rows = await self.state.get_many([key for id in ids for key in self._view_keys(id, viewer)])
        found = {id: self._account_view(id, viewer, rows) for id in ids}
        return {id: view for id, view in found.items() if view is not None}

    def edge_key(self, source: str, target: str) -> str:
        """Return the key of an edge."""
        return self.edges.key(edge_id(source, target))

    def edge_document(
        self, rows: Rows, source: str, target: str
    ) -> Document[RelationshipEdge] | None:
        """Return an edge among rows that were read, with its version, or None."""
        return self.edges.decode(rows.get(self.edge_key(source, target), ABSENT))

    def decode_edge(self, rows: Rows, source: str, target: str) -> RelationshipEdge:
        """Return an edge among rows that were read, or a blank edge."""
        found = self.edge_document(rows, source, target)
        return found.value if found else RelationshipEdge(source, target)

    def decode_profile(self, rows: Rows, id: str) -> UserProfile | None:
        """Return a profile among rows that were read, unless it is deleted."""
        profile: UserProfile | None = decode_document(rows, self.users, id)
        return None if profile is None or profile.deleted else profile

    def is_deleted(self, rows: Rows, id: str) -> bool:
        """Return whether an account among rows that were read is deleted."""
        profile: UserProfile | None = decode_document(rows, self.users, id)
        return profile is not None and profile.deleted

    def decode_head(self, rows: Rows, kind: str, id: str) -> ListHead:
        """Return the head of a list among rows that were read."""
        head: ListHead | None = decode_document(rows, self._lists[kind].heads, id)
        return head or ListHead()

    def decode_total(self, rows: Rows, kind: str, id: str) -> int:
        """Return the length of a list, without decoding its rows, which may be many."""
        entry = rows.get(self._lists[kind].heads.key(id))
        return decode_total(entry.value["data"]) if entry else 0

    def _view_keys(self, id: str, viewer: str) -> list[str]:
        keys = [
            self.users.key(id),
            self.followers.heads.key(id),
            self.following.heads.key(id),
            self.post_counts.key(id),
        ]
        if viewer and viewer != id:
            keys += [self.edge_key(viewer, id), self.edge_key(id, viewer)]
        return keys

    def _account_view(self, id: str, viewer: str, rows: Rows) -> AccountView | None:
        entry = rows.get(self.users.key(id))
        document = self.users.decode(entry) if entry else None
        if document is None or document.value.deleted:
            return None
        return AccountView(
            document.value,
            document.version,
            self.decode_total(rows, "followers", id),
            self.decode_total(rows, "following", id),
            decode_document(rows, self.post_counts, id) or AuthorPostCount(),
            self.decode_edge(rows, viewer, id),
            self.decode_edge(rows, id, viewer),
        )


def decode_document(rows: Rows, collection: Collection[Any], id: str) -> Any:
    """Return a document among rows that were read, or None."""
    entry = rows.get(collection.key(id))
    document = collection.decode(entry) if entry else None
    return document.value if document else None


def _edge_event(_: str, edge: dict[str, Any]) -> dict[str, Any]:
    """Return the contract's `Edge`: without the ids under which lists contain the edge."""
    following, requested = edge["follow"]["taken"], edge["request"]["taken"]
    membership = edge["follow"] if following else edge["request"]
    return {
        "source": edge["source"],
        "target": edge["target"],
        "follow_id": membership["id"] if following or requested else "",
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
