"""One person's stance on another: follow, request, block, mute, note.

An edge is the truth; the lists of followers, of people followed and so on follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.shared.text import graphemes

MOST_FOLLOWED = 7_500
"""How many people one may follow: Mastodon's limit."""

MOST_BLOCKED = MOST_MUTED = 5_000
"""How many people one may block, and mute: with every page of one's home all of them are read."""

MOST_NOTE = 2_000
REMEMBERED = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where an edge stands in lists that are sorted by time: by which id, and by which before.

    A list is mended from the edge alone, so the edge remembers every id by which it may be listed.
    After `REMEMBERED` of them the last is taken again, so that they are few.
    """

    id: str = ""
    taken: bool = False
    former: tuple[str, ...] = ()

    def take(self, id: str) -> Place:
        """Be listed, by a new id if that is not so already."""
        if self.taken:
            return self
        if not self.id:
            return Place(id, taken=True)
        if len(self.former) == REMEMBERED:
            return replace(self, taken=True)
        return Place(id, taken=True, former=(*self.former, self.id))

    def leave(self) -> Place:
        """Be listed no more."""
        return replace(self, taken=False)

    @property
    def stale(self) -> tuple[str, ...]:
        """The ids by which it must not be listed."""
        return self.former if self.taken or not self.id else (*self.former, self.id)


@dataclass(frozen=True, slots=True)
class Edge:
    """The document `edge:SOURCE:TARGET`. `muted_until` is a time, where a mute ends by itself."""

    source: str
    target: str
    follow: Place = Place()
    request: Place = Place()
    block: Place = Place()
    mute: Place = Place()
    noted: Place = Place()
    show_reblogs: bool = True
    notify: bool = False
    muting_notifications: bool = False
    muted_until: str | None = None
    note: str = ""

    @property
    def following(self) -> bool:
        return self.follow.taken

    @property
    def requested(self) -> bool:
        return self.request.taken

    @property
    def blocking(self) -> bool:
        return self.block.taken

    def muting(self, now: str) -> bool:
        """Whether the mute is in force at a time."""
        return self.mute.taken and (self.muted_until is None or now < self.muted_until)


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a follow depends, apart from the edge: the target's will, and the source's limit."""

    locked: bool = False
    blocked: bool = False
    followed: int = 0


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody wants to follow; None leaves a part as it is."""

    reblogs: bool | None = None
    notify: bool | None = None


def edge_id(source: str, target: str) -> str:
    """The id of an edge."""
    return f"{source}:{target}"


def ends(id: str) -> tuple[str, str]:
    """From whom to whom an edge goes, by its id."""
    source, _, target = id.partition(":")
    return source, target


def refuse_oneself(source: str, target: str, what: str) -> None:
    """Raise `Forbidden` where somebody means themself."""
    if source == target:
        raise Forbidden(f"You cannot {what} yourself.")


def follow(edge: Edge, terms: Terms, manner: Manner, id: str) -> Edge:
    """Follow, or ask to, where the target is locked. Raises `Forbidden` or `Invalid`."""
    if terms.blocked:
        raise Forbidden("You cannot follow this person: they have blocked you.")
    if edge.blocking:
        raise Forbidden("You have blocked this person; unblock them before you follow them.")
    edge = replace(
        edge,
        show_reblogs=edge.show_reblogs if manner.reblogs is None else manner.reblogs,
        notify=edge.notify if manner.notify is None else manner.notify,
    )
    if edge.following or (edge.requested and terms.locked):
        return edge
    if terms.followed >= MOST_FOLLOWED:
        raise Invalid(f"You follow {terms.followed} people; at most {MOST_FOLLOWED} are allowed.")
    if terms.locked:
        return replace(edge, request=edge.request.take(id))
    return replace(edge, follow=edge.follow.take(id), request=edge.request.leave())


def unfollow(edge: Edge) -> Edge:
    """Follow no more, and ask no more to."""
    return replace(
        edge,
        follow=edge.follow.leave(),
        request=edge.request.leave(),
        show_reblogs=True,
        notify=False,
    )


def accept(edge: Edge | None, id: str) -> Edge:
    """Let the source of a request follow. Raises `NotFound` where nobody asked."""
    if edge is None or not (edge.requested or edge.following):
        raise NotFound("This person has not asked to follow you.")
    return replace(edge, follow=edge.follow.take(id), request=edge.request.leave())


def reject(edge: Edge | None) -> Edge:
    """Turn a request down. Raises `NotFound` where nobody ever asked."""
    if edge is None or not edge.request.id:
        raise NotFound("This person has not asked to follow you.")
    return replace(edge, request=edge.request.leave())


def block(edge: Edge, id: str, blocked: int) -> Edge:
    """Have nothing to do with somebody. That they follow no more either is their edge's part.

    Raises `Invalid` for who blocks too many others already.
    """
    if blocked >= MOST_BLOCKED and not edge.blocking:
        raise Invalid(f"You block {blocked} people; at most {MOST_BLOCKED} are allowed.")
    return replace(unfollow(edge), block=edge.block.take(id))


def unblock(edge: Edge) -> Edge:
    """Let somebody near again; nobody follows anybody by that."""
    return replace(edge, block=edge.block.leave())


def mute(edge: Edge, id: str, muted: int, *, notifications: bool, until: str | None) -> Edge:
    """Not see somebody, and by default not their notifications either, perhaps for a time.

    Raises `Invalid` for who mutes too many others already.
    """
    if muted >= MOST_MUTED and not edge.mute.taken:
        raise Invalid(f"You mute {muted} people; at most {MOST_MUTED} are allowed.")
    return replace(
        edge, mute=edge.mute.take(id), muting_notifications=notifications, muted_until=until
    )


def unmute(edge: Edge) -> Edge:
    """See somebody again."""
    return replace(edge, mute=edge.mute.leave(), muting_notifications=False, muted_until=None)


def end_mute(edge: Edge, now: str) -> Edge:
    """See somebody again, if the mute was for a time that is over."""
    over = edge.mute.taken and edge.muted_until is not None and edge.muted_until <= now
    return unmute(edge) if over else edge


def annotate(edge: Edge, note: str, id: str) -> Edge:
    """Keep a private note on somebody. Raises `Invalid`."""
    characters = graphemes(note)
    if characters > MOST_NOTE:
        raise Invalid(f"The note has {characters} characters; at most {MOST_NOTE} are allowed.")
    return replace(edge, note=note, noted=edge.noted.take(id) if note else edge.noted.leave())


def ended(edge: Edge) -> Edge:
    """What is left of an edge when one of the two is gone: nothing but its places in lists."""
    return unmute(annotate(unblock(unfollow(edge)), "", ""))


def settle(edge: Edge, reverse: Edge, *, locked: bool, id: str, gone: bool = False) -> Edge:
    """What an edge comes to, seen together with the one across and with the two people.

    Two documents cannot be decided in one swap: a block may be committed while the other follows,
    a lock be opened while somebody asks, one of the two delete their account. This brings them
    together afterwards.
    """
    if gone:
        return ended(edge)
    if (edge.following or edge.requested) and (edge.blocking or reverse.blocking):
        return unfollow(edge)
    if edge.requested and not locked:
        return accept(edge, id)
    return edge


OUTWARD = ("following", "asked", "blocks", "mutes", "noted")
"""The lists of whom somebody stands to."""

INWARD = ("followers", "requests", "blockers", "muters")
"""The lists of who stands to somebody."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list should say of an edge: this row, if the place is taken, and no stale one."""

    kind: str
    owner: str
    other: str
    place: Place


def listings(edge: Edge) -> list[Listing]:
    """All lists that an edge was ever in, and how it should stand there."""
    source, target = edge.source, edge.target
    all_lists = [
        Listing("followers", target, source, edge.follow),
        Listing("following", source, target, edge.follow),
        Listing("requests", target, source, edge.request),
        Listing("asked", source, target, edge.request),
        Listing("blocks", source, target, edge.block),
        Listing("blockers", target, source, edge.block),
        Listing("mutes", source, target, edge.mute),
        Listing("muters", target, source, edge.mute),
        Listing("noted", source, target, edge.noted),
    ]
    return [listing for listing in all_lists if listing.place.id]


@dataclass(frozen=True, slots=True)
class Relationship:
    """How two people stand to each other, seen by the first."""

    id: str
    following: bool
    showing_reblogs: bool
    notifying: bool
    followed_by: bool
    blocking: bool
    blocked_by: bool
    muting: bool
    muting_notifications: bool
    muting_expires_at: str | None
    requested: bool
    requested_by: bool
    note: str


def relationship(edge: Edge, reverse: Edge, now: str) -> Relationship:
    """What two edges come to; a block counts at once, also where a follow is still to be undone."""
    apart = edge.blocking or reverse.blocking
    following = edge.following and not apart
    muting = edge.muting(now)
    return Relationship(
        id=edge.target,
        following=following,
        showing_reblogs=following and edge.show_reblogs,
        notifying=following and edge.notify,
        followed_by=reverse.following and not apart,
        blocking=edge.blocking,
        blocked_by=reverse.blocking,
        muting=muting,
        muting_notifications=muting and edge.muting_notifications,
        muting_expires_at=edge.muted_until if muting else None,
        requested=edge.requested and not apart,
        requested_by=reverse.requested and not apart,
        note=edge.note,
    )
