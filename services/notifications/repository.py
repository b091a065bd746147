"""What notifications keeps.

notification:OWNER:…     one for each cause; others hear of it on `notifications`
notifications:OWNER      its row, while it is shown (a segmented list of the newest
`MAX_DEAD_LETTERS`) cleared:OWNER            up to which id somebody has cleared their list
stance:OWNER             whom they do not want to be told of, and who blocks them
blocked:OWNER:PERSON     whether somebody blocks an owner whom very many block markers:OWNER
how far they have read their timelines subscribers:AUTHOR       who wants to hear of every post of
somebody digest:OWNER             whether they want digests by mail, and what the last one told
digests-due:all          [time, owner], when the next of each is due gone:post:ID, gone:account:ID
what was deleted (or is suspended), which nobody is told of

    OWNER:favourite:POST:ACTOR   somebody likes a post of theirs
    OWNER:follow:ACTOR           somebody follows them, or asks to
    OWNER:reblog:POST:ACTOR      somebody boosts it
    OWNER:order:ORDER:WHAT, OWNER:payment:ORDER:…:WHAT    what became of an order, and its money
    OWNER:post:POST              a post that mentions them, is said in a thread of theirs, or is
                                 by somebody whose every post they want to hear of
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
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts import events
from services.notifications.domain import notifications as rules
from services.notifications.domain.digests import DigestRecord
from services.notifications.domain.groups import group_key
from services.notifications.domain.markers import ReadMarkers
from services.notifications.domain.notifications import ACCOUNT, ID, KEY, POST, TYPE, Row
from services.notifications.domain.owner_relations import OwnerRelations
from services.notifications.domain.subscribers import PostSubscribers
from services.shared.block_list import BlockState

MAX_KEPT = 4_000
"""How many notifications of one person are kept."""


@dataclass(frozen=True, slots=True)
class DeletionState:
    """Something that was deleted, or is suspended, as of a version of its own document."""

    version: int
    gone: bool = True


@dataclass(frozen=True, slots=True)
class ClearedUpTo:
    """A list that was cleared."""

    upto: str


@dataclass(frozen=True, slots=True)
class OwnerState:
    """What somebody's pages are made from."""

    owner: str
    head: ListHead
    relations: OwnerRelations
    cleared: str
    markers: ReadMarkers


class Repository:
    """The service's documents and lists."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        outbox = service.outbox(events.NOTIFICATION_CHANGED.topic)
        self.notifications = service.collection(
            "notification",
            rules.NotificationRecord,
            outbox=outbox.publishes(
                "notification", events.NOTIFICATION_CHANGED.name, _notification_event
            ),
        )
        self.lists = SegmentedLists(self.state, "notifications", max_rows=MAX_KEPT)
        self.cleared = service.collection("cleared", ClearedUpTo)
        self.relations = service.collection("stance", OwnerRelations)
        self.block_states = service.collection("blocked", BlockState)
        self.markers = service.collection("markers", ReadMarkers)
        self.deletions = service.collection("gone", DeletionState)
        self.subscribers = service.collection("subscribers", PostSubscribers)
        self.digests = service.collection("digest", DigestRecord)
        self.due_digests = SegmentedLists(self.state, "digests-due")

    async def owner_state(self, owner: str) -> OwnerState:
        """What somebody's pages are made from. One state call."""
        heads = self.lists.heads
        parts: tuple[Collection[Any], ...] = (heads, self.relations, self.cleared, self.markers)
        rows = await self.state.get_many([part.key(owner) for part in parts])
        cleared = _decode(rows, self.cleared, owner)
        return OwnerState(
            owner,
            _decode(rows, heads, owner) or ListHead(),
            _decode(rows, self.relations, owner) or OwnerRelations(),
            cleared.upto if cleared else "",
            _decode(rows, self.markers, owner) or ReadMarkers(),
        )

    async def apply_block(self, owner: str, person: str, version: int, *, blocks: bool) -> None:
        """Remember whether somebody blocks an owner. Two state calls, four for the shunned."""
        stance = await self.relations.update(
            owner,
            lambda stance: (stance or OwnerRelations()).apply_block(person, version, blocks=blocks),
        )
        if (
            stance is None
            or not stance.is_stored_separately(person)
            or (version == 1 and not blocks)
        ):
            return
        await self.block_states.update(
            f"{owner}:{person}",
            lambda known: (known or BlockState()).apply(version, blocks=blocks),
        )

    async def relations_with(self, desk: OwnerState, rows: Iterable[Row]) -> OwnerRelations:
        """The owner's stance that knows all of the people of some rows.

        A state call only for who is shunned.
        """
        people = {row[ACCOUNT] for row in rows}
        apart = {
            f"{desk.owner}:{id}": id for id in people if desk.relations.is_stored_separately(id)
        }
        known = await self.block_states.get_many(apart) if apart else {}
        return desk.relations.with_separate({apart[key]: blocked for key, blocked in known.items()})

    async def not_deleted(self, rows: Iterable[Row]) -> list[Row]:
        """Those rows of which nothing was deleted. One state call."""
        needs = {row[KEY]: _deletion_ids(row[ACCOUNT], row[POST]) for row in rows}
        known = await self.deletions.get_many(sorted({id for ids in needs.values() for id in ids}))
        gone = {id for id, each in known.items() if each.gone}
        return [row for row in rows if gone.isdisjoint(needs[row[KEY]])]

    async def followers_among(self, people: Iterable[str], author: str) -> set[str]:
        """Those of some people who follow somebody, as far as that was told. One state call."""
        keys = {f"{author}:follow:{person}": person for person in people}
        known = await self.notifications.get_many(keys)
        return {keys[key] for key, each in known.items() if each.on and each.type == "follow"}

    async def load_causes(self, causes: Iterable[rules.Cause]) -> dict[str, StateEntry]:
        """All that decides what is told of some causes, by key. One state call."""
        keys: list[str] = []
        for cause in causes:
            keys += [
                self.notifications.key(cause.key),
                self.lists.heads.key(cause.owner),
                self.relations.key(cause.owner),
                self.block_states.key(_block_state_id(cause)),
                *(self.deletions.key(id) for id in _subjects_of(cause)),
            ]
        return await self.state.get_many(keys)

    def may_be_listed(
        self, owner: str, places: Iterable[str], found: Mapping[str, StateEntry]
    ) -> bool:
        """Whether somebody's list may hold one of some places, by what was read."""
        head: ListHead = _decode(found, self.lists.heads, owner) or ListHead()
        return any(head.may_hold(place) for place in places)

    def is_suppressed(self, cause: rules.Cause, found: Mapping[str, StateEntry], now: str) -> bool:
        """Whether somebody is not to be told of something, by what was read."""
        known = [_decode(found, self.deletions, id) for id in _subjects_of(cause)]
        if any(each and each.gone for each in known):
            return True
        stance = _decode(found, self.relations, cause.owner) or OwnerRelations()
        blocked = _decode(found, self.block_states, _block_state_id(cause))
        stance = stance.with_separate({cause.account: blocked} if blocked else {})
        return cause.type not in rules.SHOP_TYPES and not stance.admits(cause.account, now)


def _subjects_of(cause: rules.Cause) -> list[str]:
    return [f"account:{cause.owner}", *_deletion_ids(cause.account, cause.post)]


def _block_state_id(cause: rules.Cause) -> str:
    return f"{cause.owner}:{cause.account}"


def _deletion_ids(account: str, post: str) -> list[str]:
    """Without what a notification is nothing: its person, and its post."""
    return [f"account:{account}", *([f"post:{post}"] if post else [])]


def notification_view(row: Row, owner: str) -> dict[str, Any]:
    """A `contracts.notifications.Notification`, from a row."""
    return _with_time_and_group(
        {
            "id": row[ID],
            "owner": owner,
            "type": row[TYPE],
            "account": row[ACCOUNT],
            **rules.subject_fields(row[TYPE], row[POST], outcome_of(row)),
            "dismissed": False,
        }
    )


def outcome_of(row: Row) -> str:
    """What became of the order that a row is about."""
    return row[KEY].rpartition(":")[2]


def _notification_event(_: str, data: dict[str, Any]) -> dict[str, Any] | None:
    told = rules.to_public(data)
    return _with_time_and_group(told) if told else None


def _with_time_and_group(told: dict[str, Any]) -> dict[str, Any]:
    key = group_key(told["id"], told["type"], told["post"] or "")
    return told | {"created_at": timestamp(id_time(told["id"])), "group_key": key}


def _decode(rows: Mapping[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    doc = collection.decode(rows.get(collection.key(id), ABSENT))
    return doc.value if doc else None
