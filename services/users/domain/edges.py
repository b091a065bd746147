"""One person's stance on another: follow, request, block, mute, note.

An edge is the truth; the lists of followers, of people followed and so on follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.shared.text import graphemes

MAX_FOLLOWED = 7_500
"""How many people one may follow: Mastodon's limit."""

MAX_BLOCKED = MAX_MUTED = 5_000
"""How many people one may block, and mute: with every page of one's home all of them are read."""

MAX_NOTE_CHARACTERS = 2_000
MAX_FORMER_IDS = 4


@dataclass(frozen=True, slots=True)
class ListMembership:
    """Where an edge stands in lists that are sorted by time: by which id, and by which before.

    A list is mended from the edge alone, so the edge remembers every id by which it may be listed.
    After `MAX_FORMER_IDS` of them the last is taken again, so that they are few.
    """

    id: str = ""
    taken: bool = False
    former: tuple[str, ...] = ()

    def join(self, id: str) -> ListMembership:
        """Be listed, by a new id if that is not so already."""
        if self.taken:
            return self
        if not self.id:
            return ListMembership(id, taken=True)
        if len(self.former) == MAX_FORMER_IDS:
            return replace(self, taken=True)
        return ListMembership(id, taken=True, former=(*self.former, self.id))

    def leave(self) -> ListMembership:
        """Be listed no more."""
        return replace(self, taken=False)

    @property
    def stale_ids(self) -> tuple[str, ...]:
        """The ids by which it must not be listed."""
        return self.former if self.taken or not self.id else (*self.former, self.id)


@dataclass(frozen=True, slots=True)
class RelationshipEdge:
    """The document `edge:SOURCE:TARGET`. `muted_until` is a time, where a mute ends by itself."""

    source: str
    target: str
    follow: ListMembership = ListMembership()
    request: ListMembership = ListMembership()
    block: ListMembership = ListMembership()
    mute: ListMembership = ListMembership()
    noted: ListMembership = ListMembership()
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
class FollowConditions:
    """On what a follow depends, apart from the edge: the target's will, and the source's limit."""

    locked: bool = False
    blocked: bool = False
    followed: int = 0


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How somebody wants to follow; None leaves a part as it is."""

    reblogs: bool | None = None
    notify: bool | None = None


def edge_id(source: str, target: str) -> str:
    """The id of an edge."""
    return f"{source}:{target}"


def edge_accounts(id: str) -> tuple[str, str]:
    """From whom to whom an edge goes, by its id."""
    source, _, target = id.partition(":")
    return source, target


def reject_self(source: str, target: str, what: str) -> None:
    """Raise `Forbidden` where somebody means themself."""
    if source == target:
        raise Forbidden(f"You cannot {what} yourself.")


def follow(
    edge: RelationshipEdge, terms: FollowConditions, manner: FollowOptions, id: str
) -> RelationshipEdge:
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
    if terms.followed >= MAX_FOLLOWED:
        raise Invalid(f"You follow {terms.followed} people; at most {MAX_FOLLOWED} are allowed.")
    if terms.locked:
        return replace(edge, request=edge.request.join(id))
    return replace(edge, follow=edge.follow.join(id), request=edge.request.leave())


def unfollow(edge: RelationshipEdge) -> RelationshipEdge:
    """Follow no more, and ask no more to."""
    return replace(
        edge,
        follow=edge.follow.leave(),
        request=edge.request.leave(),
        show_reblogs=True,
        notify=False,
    )


def accept(edge: RelationshipEdge | None, id: str) -> RelationshipEdge:
    """Let the source of a request follow. Raises `NotFound` where nobody asked."""
    if edge is None or not (edge.requested or edge.following):
        raise NotFound("This person has not asked to follow you.")
    return replace(edge, follow=edge.follow.join(id), request=edge.request.leave())


def reject(edge: RelationshipEdge | None) -> RelationshipEdge:
    """Turn a request down. Raises `NotFound` where nobody ever asked."""
    if edge is None or not edge.request.id:
        raise NotFound("This person has not asked to follow you.")
    return replace(edge, request=edge.request.leave())


def block(edge: RelationshipEdge, id: str, blocked: int) -> RelationshipEdge:
    """Have nothing to do with somebody. That they follow no more either is their edge's part.

    Raises `Invalid` for who blocks too many others already.
    """
    if blocked >= MAX_BLOCKED and not edge.blocking:
        raise Invalid(f"You block {blocked} people; at most {MAX_BLOCKED} are allowed.")
    return replace(unfollow(edge), block=edge.block.join(id))


def unblock(edge: RelationshipEdge) -> RelationshipEdge:
    """Let somebody near again; nobody follows anybody by that."""
    return replace(edge, block=edge.block.leave())


def mute(
    edge: RelationshipEdge, id: str, muted: int, *, notifications: bool, until: str | None
) -> RelationshipEdge:
    """Not see somebody, and by default not their notifications either, perhaps for a time.

    Raises `Invalid` for who mutes too many others already.
    """
    if muted >= MAX_MUTED and not edge.mute.taken:
        raise Invalid(f"You mute {muted} people; at most {MAX_MUTED} are allowed.")
    return replace(
        edge, mute=edge.mute.join(id), muting_notifications=notifications, muted_until=until
    )


def unmute(edge: RelationshipEdge) -> RelationshipEdge:
    """See somebody again."""
    return replace(edge, mute=edge.mute.leave(), muting_notifications=False, muted_until=None)


def expire_mute(edge: RelationshipEdge, now: str) -> RelationshipEdge:
    """See somebody again, if the mute was for a time that is over."""
    over = edge.mute.taken and edge.muted_until is not None and edge.muted_until <= now
    return unmute(edge) if over else edge


def annotate(edge: RelationshipEdge, note: str, id: str) -> RelationshipEdge:
    """Keep a private note on somebody. Raises `Invalid`."""
    characters = graphemes(note)
    if characters > MAX_NOTE_CHARACTERS:
        raise Invalid(
            f"The note has {characters} characters; at most {MAX_NOTE_CHARACTERS} are allowed."
        )
    return replace(edge, note=note, noted=edge.noted.join(id) if note else edge.noted.leave())


def without_relations(edge: RelationshipEdge) -> RelationshipEdge:
    """What is left of an edge when one of the two is gone: nothing but its places in lists."""
    return unmute(annotate(unblock(unfollow(edge)), "", ""))


def reconcile(
    edge: RelationshipEdge, reverse: RelationshipEdge, *, locked: bool, id: str, gone: bool = False
) -> RelationshipEdge:
    """What an edge comes to, seen together with the one across and with the two people.

    Two documents cannot be decided in one swap: a block may be committed while the other follows,
    a lock be opened while somebody asks, one of the two delete their account. This brings them
    together afterwards.
    """
    if gone:
        return without_relations(edge)
    if (edge.following or edge.requested) and (edge.blocking or reverse.blocking):
        return unfollow(edge)
    if edge.requested and not locked:
        return accept(edge, id)
    return edge


OUTGOING_LISTS = ("following", "asked", "blocks", "mutes", "noted")
"""The lists of whom somebody stands to."""

INCOMING_LISTS = ("followers", "requests", "blockers", "muters")
"""The lists of who stands to somebody."""


@dataclass(frozen=True, slots=True)
class ListUpdate:
    """What a list should say of an edge: this row, if the place is taken, and no stale one."""

    kind: str
    owner: str
    other: str
    membership: ListMembership


def list_updates(edge: RelationshipEdge) -> list[ListUpdate]:
    """All lists that an edge was ever in, and how it should stand there."""
    source, target = edge.source, edge.target
    all_lists = [
        ListUpdate("followers", target, source, edge.follow),
        ListUpdate("following", source, target, edge.follow),
        ListUpdate("requests", target, source, edge.request),
        ListUpdate("asked", source, target, edge.request),
        ListUpdate("blocks", source, target, edge.block),
        ListUpdate("blockers", target, source, edge.block),
        ListUpdate("mutes", source, target, edge.mute),
        ListUpdate("muters", target, source, edge.mute),
        ListUpdate("noted", source, target, edge.noted),
    ]
    return [listing for listing in all_lists if listing.membership.id]


@dataclass(frozen=True, slots=True)
class RelationshipView:
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


def relationship_view(
    edge: RelationshipEdge, reverse: RelationshipEdge, now: str
) -> RelationshipView:
    """What two edges come to; a block counts at once, also where a follow is still to be undone."""
    apart = edge.blocking or reverse.blocking
    following = edge.following and not apart
    muting = edge.muting(now)
    return RelationshipView(
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
