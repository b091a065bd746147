"""The documents and lists of notifications.

notification:OWNER:…     one for each cause; its event is `notification.changed`
notifications:OWNER      the rows of shown notifications, the newest `MAX_KEPT` (a segmented list)
cleared:OWNER            up to which id an owner dismissed all notifications
stance:OWNER             whom an owner hides, and who blocks them
blocked:OWNER:ACCOUNT    whether an account blocks an owner who is blocked by very many
markers:OWNER            how far an owner has read their timelines
subscribers:AUTHOR       who is notified of every post of an author
digest:OWNER             whether an owner wants digests by mail, and what the last one contained
digests-due:all          [time, owner], when the next digest of each is due
gone:post:ID, gone:account:ID    deleted posts, deleted or suspended accounts

    OWNER:favourite:POST:ACTOR   a favourite of the owner's post
    OWNER:follow:ACTOR           a follow or a follow request
    OWNER:reblog:POST:ACTOR      a boost of the owner's post
    OWNER:order:ORDER:WHAT, OWNER:payment:ORDER:…:WHAT    an outcome of an order, or its money
    OWNER:post:POST              a post that mentions the owner, is in a thread of theirs, or is by
                                 an author to whose posts they subscribe
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.ids import id_time, timestamp
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.list_head import ListHead
from services.contracts import events
from services.contracts.invalidations import (
    account_document,
    notifications_document,
    post_document,
)
from services.notifications.domain import notifications as rules
from services.notifications.domain.digests import DigestRecord
from services.notifications.domain.groups import group_key
from services.notifications.domain.markers import ReadMarkers
from services.notifications.domain.notifications import ACCOUNT, ID, POST, TYPE, Row
from services.notifications.domain.owner_relations import OwnerRelations
from services.notifications.domain.subscribers import PostSubscribers
from services.shared.block_list import BlockState

MAX_KEPT = 4_000
"""How many notifications of one owner are kept."""

_SEGMENT_SIZE = 40
"""Rows of a segment, and the fewest in a head that has segments: the first page. A head is read and
written with every notification."""


_OF_OWNER = frozenset({"notifications", "cleared", "stance", "blocked"})
"""The kinds of documents whose ids begin with the owner on whose pages they have an effect. Of a
notification that is its row in the owner's list."""

_DELETED = {"account": account_document, "post": post_document}


def cached_document(key: str) -> str:
    """Return the name of a stored document for caches, or an empty string if none depends on it.

    A deletion state has the name of the account or post that it is about.
    """
    kind, _, id = key.partition(":")
    what, _, rest = id.partition(":")
    if kind == "gone":
        return _DELETED[what](rest)
    return notifications_document(what) if kind in _OF_OWNER else ""


@dataclass(frozen=True, slots=True)
class DeletionState:
    """Whether something is deleted or suspended, at a version of its own document."""

    version: int
    gone: bool = True


@dataclass(frozen=True, slots=True)
class ClearedUpTo:
    """Up to which id a list was cleared."""

    upto: str


@dataclass(frozen=True, slots=True)
class OwnerState:
    """Everything that the pages of an owner are derived from."""

    owner: str
    head: ListHead
    relations: OwnerRelations
    cleared: str


class Repository:
    """Stores notifications, relations, markers and digests."""

    def __init__(self, service: Service) -> None:
        service.publish_invalidations(events.NOTIFICATIONS_INVALIDATED, cached_document)
        self.state = service.state
        self.cache = service.documents
        self.notifications = service.collection(
            "notification",
            rules.NotificationRecord,
            publishes=events.NOTIFICATION_CHANGED,
            to_event=_notification_event,
        )
        self.lists = service.lists("notifications", max_rows=MAX_KEPT, segment_size=_SEGMENT_SIZE)
        self.cleared = service.collection("cleared", ClearedUpTo)
        self.relations = service.collection("stance", OwnerRelations)
        self.block_states = service.collection("blocked", BlockState)
        self.markers = service.collection("markers", ReadMarkers)
        self.deletions = service.collection("gone", DeletionState)
        self.subscribers = service.collection("subscribers", PostSubscribers)
        self.digests = service.collection("digest", DigestRecord)
        self.due_digests = service.lists("digests-due")

    async def owner_state(self, owner: str, max_age: float = 0.0) -> OwnerState:
        """Return what the pages of an owner are derived from, `max_age` seconds ago or later.

        One state call, or none if all is cached.
        """
        heads = self.lists.heads
        keys = [part.key(owner) for part in (heads, self.relations, self.cleared)]
        docs = await self.cache.read(keys, max_age)
        cleared = self.cleared.decode_cached(docs[keys[2]])
        return OwnerState(
            owner,
            heads.decode_cached(docs[keys[0]]) or ListHead(),
            self.relations.decode_cached(docs[keys[1]]) or OwnerRelations(),
            cleared.upto if cleared else "",
        )

    async def apply_block(self, owner: str, person: str, version: int, *, blocks: bool) -> None:
        """Store whether an account blocks an owner. Two state calls, four if very many do."""
        relations = await self.relations.update(
            owner,
            lambda kept: (kept or OwnerRelations()).apply_block(person, version, blocks=blocks),
        )
        if (
            relations is None
            or not relations.is_stored_separately(person)
            or (version == 1 and not blocks)
        ):
            return
        await self.block_states.update(
            f"{owner}:{person}",
            lambda known: (known or BlockState()).apply(version, blocks=blocks),
        )

    async def relations_with(self, owner: OwnerState, rows: Iterable[Row]) -> OwnerRelations:
        """Return the owner's relations, which know the accounts of some rows.

        At most one state call, only for an owner whom very many users block.
        """
        people = {row[ACCOUNT] for row in rows}
        apart = {
            f"{owner.owner}:{id}": id for id in people if owner.relations.is_stored_separately(id)
        }
        known = await self.block_states.get_many(apart) if apart else {}
        return owner.relations.with_separate(
            {apart[key]: blocked for key, blocked in known.items()}
        )

    async def not_deleted(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows whose account and post are not deleted.

        One state call, or none if what is known of all of them is cached.
        """
        needs = [(row, _deletion_ids(row[ACCOUNT], row[POST])) for row in rows]
        keys = {self.deletions.key(id): id for _, ids in needs for id in ids}
        docs = await self.cache.read(keys)
        known = {id: self.deletions.decode_cached(docs[key]) for key, id in keys.items()}
        gone = {id for id, each in known.items() if each and each.gone}
        return [row for row, ids in needs if gone.isdisjoint(ids)]

    async def followers_among(self, people: Iterable[str], author: str) -> set[str]:
        """Return which of some users follow an author, by their notifications. One state call."""
        keys = {f"{author}:follow:{person}": person for person in people}
        known = await self.notifications.get_many(keys)
        return {keys[key] for key, each in known.items() if each.on and each.type == "follow"}

    async def load_causes(self, causes: Iterable[rules.Cause]) -> dict[str, StateEntry]:
        """Return all entries that decide on some causes, by key. One state call."""
        keys: list[str] = []
        for cause in causes:
            keys += [
                self.notifications.key(cause.key),
                self.lists.heads.key(cause.owner),
                *(self.deletions.key(id) for id in _subjects_of(cause)),
            ]
            if cause.type not in rules.SHOP_TYPES:  # they reach also whom the account blocks
                keys += [
                    self.relations.key(cause.owner),
                    self.block_states.key(_block_state_id(cause)),
                ]
        return await self.state.get_many(keys)

    def may_be_listed(
        self, owner: str, places: Iterable[str], found: Mapping[str, StateEntry]
    ) -> bool:
        """Return whether an owner's list may contain one of some positions."""
        head: ListHead = _decode(found, self.lists.heads, owner) or ListHead()
        return any(head.may_hold(place) for place in places)

    def is_suppressed(self, cause: rules.Cause, found: Mapping[str, StateEntry], now: str) -> bool:
        """Return whether an owner is not to be notified of a cause."""
        known = [_decode(found, self.deletions, id) for id in _subjects_of(cause)]
        if any(each and each.gone for each in known):
            return True
        if cause.type in rules.SHOP_TYPES:
            return False
        relations = _decode(found, self.relations, cause.owner) or OwnerRelations()
        blocked = _decode(found, self.block_states, _block_state_id(cause))
        relations = relations.with_separate({cause.account: blocked} if blocked else {})
        return not relations.admits(cause.account, now)


def _subjects_of(cause: rules.Cause) -> list[str]:
    """Return the deletion states that decide on a cause. An order is never deleted."""
    post = "" if cause.type in rules.SHOP_TYPES else cause.post
    return [f"account:{cause.owner}", *_deletion_ids(cause.account, post)]


def _block_state_id(cause: rules.Cause) -> str:
    return f"{cause.owner}:{cause.account}"


def _deletion_ids(account: str, post: str) -> list[str]:
    """Return the deletion states on which a notification depends: its account and its post."""
    return [f"account:{account}", *([f"post:{post}"] if post else [])]


def cached_documents(rows: Iterable[Row]) -> set[str]:
    """Return what the deletion states of some rows are about, as caches know it."""
    return {account_document(row[ACCOUNT]) for row in rows} | {
        post_document(row[POST]) for row in rows if row[POST]
    }


def notification_view(row: Row, owner: str) -> dict[str, Any]:
    """Return a `contracts.notifications.Notification` from a row."""
    return _with_time_and_group(
        {
            "id": row[ID],
            "owner": owner,
            "type": row[TYPE],
            "account": row[ACCOUNT],
            **rules.subject_fields(row[TYPE], row[POST], rules.outcome_of(row)),
            "dismissed": False,
        }
    )


def _notification_event(_: str, data: dict[str, Any]) -> dict[str, Any] | None:
    public = rules.to_public(data)
    return _with_time_and_group(public) if public else None


def _with_time_and_group(fields: dict[str, Any]) -> dict[str, Any]:
    key = group_key(fields["id"], fields["type"], fields["post"] or "")
    return fields | {"created_at": timestamp(id_time(fields["id"])), "group_key": key}


def _decode(rows: Mapping[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    doc = collection.decode(rows.get(collection.key(id), ABSENT))
    return doc.value if doc else None
