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

from services.chassis.dapr.client import ABSENT, StateEntry
from services.chassis.ids import id_time, timestamp
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from services.chassis.storage.segmented_list import ListHead, SegmentedLists
from services.contracts import events
from services.notifications.domain import notifications as rules
from services.notifications.domain.digests import Digest
from services.notifications.domain.groups import group_key
from services.notifications.domain.markers import Markers
from services.notifications.domain.notifications import ACCOUNT, ID, KEY, POST, TYPE, Row
from services.notifications.domain.stances import Stance
from services.notifications.domain.subscribers import Subscribers
from services.shared.block_list import BlockState

MOST = 4_000
"""How many notifications of one person are kept."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Something that was deleted, or is suspended, as of a version of its own document."""

    version: int
    gone: bool = True


@dataclass(frozen=True, slots=True)
class Cleared:
    """A list that was cleared."""

    upto: str


@dataclass(frozen=True, slots=True)
class Desk:
    """What somebody's pages are made from."""

    owner: str
    head: ListHead
    stance: Stance
    cleared: str
    markers: Markers


class Store:
    """The service's documents and lists."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        outbox = service.outbox(events.NOTIFICATION_CHANGED.topic)
        self.notifications = service.collection(
            "notification",
            rules.Notification,
            outbox=outbox.publishes("notification", events.NOTIFICATION_CHANGED.name, _told),
        )
        self.lists = SegmentedLists(self.state, "notifications", most=MOST)
        self.cleared = service.collection("cleared", Cleared)
        self.stances = service.collection("stance", Stance)
        self.blocked = service.collection("blocked", BlockState)
        self.markers = service.collection("markers", Markers)
        self.gone = service.collection("gone", Gone)
        self.subscribers = service.collection("subscribers", Subscribers)
        self.digests = service.collection("digest", Digest)
        self.due = SegmentedLists(self.state, "digests-due")

    async def desk(self, owner: str) -> Desk:
        """What somebody's pages are made from. One state call."""
        heads = self.lists.heads
        parts: tuple[Collection[Any], ...] = (heads, self.stances, self.cleared, self.markers)
        rows = await self.state.get_many([part.key(owner) for part in parts])
        cleared = _in(rows, self.cleared, owner)
        return Desk(
            owner,
            _in(rows, heads, owner) or ListHead(),
            _in(rows, self.stances, owner) or Stance(),
            cleared.upto if cleared else "",
            _in(rows, self.markers, owner) or Markers(),
        )

    async def hear_block(self, owner: str, person: str, version: int, *, blocks: bool) -> None:
        """Remember whether somebody blocks an owner. Two state calls, four for the shunned."""
        stance = await self.stances.update(
            owner, lambda stance: (stance or Stance()).apply_block(person, version, blocks=blocks)
        )
        if (
            stance is None
            or not stance.is_stored_separately(person)
            or (version == 1 and not blocks)
        ):
            return
        await self.blocked.update(
            f"{owner}:{person}",
            lambda known: (known or BlockState()).apply(version, blocks=blocks),
        )

    async def towards(self, desk: Desk, rows: Iterable[Row]) -> Stance:
        """The owner's stance that knows all of the people of some rows.

        A state call only for who is shunned.
        """
        people = {row[ACCOUNT] for row in rows}
        apart = {f"{desk.owner}:{id}": id for id in people if desk.stance.is_stored_separately(id)}
        known = await self.blocked.get_many(apart) if apart else {}
        return desk.stance.with_separate({apart[key]: blocked for key, blocked in known.items()})

    async def remaining(self, rows: Iterable[Row]) -> list[Row]:
        """Those rows of which nothing was deleted. One state call."""
        needs = {row[KEY]: _named(row[ACCOUNT], row[POST]) for row in rows}
        known = await self.gone.get_many(sorted({id for ids in needs.values() for id in ids}))
        gone = {id for id, each in known.items() if each.gone}
        return [row for row in rows if gone.isdisjoint(needs[row[KEY]])]

    async def following(self, people: Iterable[str], author: str) -> set[str]:
        """Those of some people who follow somebody, as far as that was told. One state call."""
        keys = {f"{author}:follow:{person}": person for person in people}
        known = await self.notifications.get_many(keys)
        return {keys[key] for key, each in known.items() if each.on and each.type == "follow"}

    async def around(self, causes: Iterable[rules.Cause]) -> dict[str, StateEntry]:
        """All that decides what is told of some causes, by key. One state call."""
        keys: list[str] = []
        for cause in causes:
            keys += [
                self.notifications.key(cause.key),
                self.lists.heads.key(cause.owner),
                self.stances.key(cause.owner),
                self.blocked.key(_apart(cause)),
                *(self.gone.key(id) for id in _concerned(cause)),
            ]
        return await self.state.get_many(keys)

    def may_list(self, owner: str, places: Iterable[str], found: Mapping[str, StateEntry]) -> bool:
        """Whether somebody's list may hold one of some places, by what was read."""
        head: ListHead = _in(found, self.lists.heads, owner) or ListHead()
        return any(head.may_hold(place) for place in places)

    def is_quiet(self, cause: rules.Cause, found: Mapping[str, StateEntry], now: str) -> bool:
        """Whether somebody is not to be told of something, by what was read."""
        known = [_in(found, self.gone, id) for id in _concerned(cause)]
        if any(each and each.gone for each in known):
            return True
        stance = _in(found, self.stances, cause.owner) or Stance()
        blocked = _in(found, self.blocked, _apart(cause))
        stance = stance.with_separate({cause.account: blocked} if blocked else {})
        return cause.type not in rules.SHOP and not stance.admits(cause.account, now)


def _concerned(cause: rules.Cause) -> list[str]:
    return [f"account:{cause.owner}", *_named(cause.account, cause.post)]


def _apart(cause: rules.Cause) -> str:
    return f"{cause.owner}:{cause.account}"


def _named(account: str, post: str) -> list[str]:
    """Without what a notification is nothing: its person, and its post."""
    return [f"account:{account}", *([f"post:{post}"] if post else [])]


def entity(row: Row, owner: str) -> dict[str, Any]:
    """A `contracts.notifications.Notification`, from a row."""
    return _dated(
        {
            "id": row[ID],
            "owner": owner,
            "type": row[TYPE],
            "account": row[ACCOUNT],
            **rules.about(row[TYPE], row[POST], what_of(row)),
            "dismissed": False,
        }
    )


def what_of(row: Row) -> str:
    """What became of the order that a row is about."""
    return row[KEY].rpartition(":")[2]


def _told(_: str, data: dict[str, Any]) -> dict[str, Any] | None:
    told = rules.told(data)
    return _dated(told) if told else None


def _dated(told: dict[str, Any]) -> dict[str, Any]:
    key = group_key(told["id"], told["type"], told["post"] or "")
    return told | {"created_at": timestamp(id_time(told["id"])), "group_key": key}


def _in(rows: Mapping[str, StateEntry], collection: Collection[Any], id: str) -> Any:
    doc = collection.decode(rows.get(collection.key(id), ABSENT))
    return doc.value if doc else None
