"""The relationship of one account to another: follow, follow request, block, mute, note.

The edge document is the source of truth. The lists of followers, followed accounts and so on are
derived from it (`relationship_lists`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import Forbidden, Invalid, NotFound
from services.shared.text import graphemes
from services.users.domain.list_membership import ListMembership

MAX_FOLLOWED = 7_500
"""Accounts that one account can follow: Mastodon's limit."""

MAX_BLOCKED = MAX_MUTED = 5_000
"""Accounts that one account can block or mute. Each page of a home timeline reads all of them."""

MAX_NOTE_CHARACTERS = 2_000

_NOT_LISTED = ListMembership()


@dataclass(frozen=True, slots=True)
class RelationshipEdge:
    """The document `edge:SOURCE:TARGET`. `muted_until` is a time, or None for an endless mute."""

    source: str
    target: str
    follow: ListMembership = _NOT_LISTED
    request: ListMembership = _NOT_LISTED
    block: ListMembership = _NOT_LISTED
    mute: ListMembership = _NOT_LISTED
    noted: ListMembership = _NOT_LISTED
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
        """Return whether the mute is in force at a time."""
        return self.mute.taken and (self.muted_until is None or now < self.muted_until)


@dataclass(frozen=True, slots=True)
class FollowConditions:
    """What a follow depends on besides the edge. `followed` counts the source's follows."""

    locked: bool = False
    blocked: bool = False
    followed: int = 0


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """The options of a follow. None leaves an option unchanged."""

    reblogs: bool | None = None
    notify: bool | None = None


def edge_id(source: str, target: str) -> str:
    """Return the id of an edge."""
    return f"{source}:{target}"


def edge_accounts(id: str) -> tuple[str, str]:
    """Return the source and the target of an edge by its id."""
    source, _, target = id.partition(":")
    return source, target


def reject_self(source: str, target: str, action: str) -> None:
    """Raise `Forbidden` if source and target are the same account."""
    if source == target:
        raise Forbidden(f"You cannot {action} yourself.")


def follow(
    edge: RelationshipEdge, conditions: FollowConditions, options: FollowOptions, id: str
) -> RelationshipEdge:
    """Follow, or request to follow a locked target. Raises `Forbidden` or `Invalid`."""
    if conditions.blocked:
        raise Forbidden("You cannot follow this account: it has blocked you.")
    if edge.blocking:
        raise Forbidden("You have blocked this account. Unblock it before you follow it.")
    edge = replace(
        edge,
        show_reblogs=edge.show_reblogs if options.reblogs is None else options.reblogs,
        notify=edge.notify if options.notify is None else options.notify,
    )
    if edge.following or (edge.requested and conditions.locked):
        return edge
    if conditions.followed >= MAX_FOLLOWED:
        raise Invalid(
            f"You follow {conditions.followed} accounts; at most {MAX_FOLLOWED} are allowed."
        )
    if conditions.locked:
        return replace(edge, request=edge.request.join(id))
    return replace(edge, follow=edge.follow.join(id), request=edge.request.leave())


def unfollow(edge: RelationshipEdge) -> RelationshipEdge:
    """End a follow, and withdraw a follow request."""
    return replace(
        edge,
        follow=edge.follow.leave(),
        request=edge.request.leave(),
        show_reblogs=True,
        notify=False,
    )


def accept(edge: RelationshipEdge | None, id: str) -> RelationshipEdge:
    """Accept a follow request. Raises `NotFound` if there is none."""
    if edge is None or not (edge.requested or edge.following):
        raise NotFound("This account has not requested to follow you.")
    return replace(edge, follow=edge.follow.join(id), request=edge.request.leave())


def reject(edge: RelationshipEdge | None) -> RelationshipEdge:
    """Reject a follow request. Raises `NotFound` if there never was one."""
    if edge is None or not edge.request.id:
        raise NotFound("This account has not requested to follow you.")
    return replace(edge, request=edge.request.leave())


def block(edge: RelationshipEdge, id: str, blocked: int) -> RelationshipEdge:
    """Block the target. The follow of the target ends by its own edge (`edge_reconciliation`).

    Raises `Invalid` if the source blocks too many accounts.
    """
    if blocked >= MAX_BLOCKED and not edge.blocking:
        raise Invalid(f"You block {blocked} accounts; at most {MAX_BLOCKED} are allowed.")
    return replace(unfollow(edge), block=edge.block.join(id))


def unblock(edge: RelationshipEdge) -> RelationshipEdge:
    """End a block. Former follows do not return."""
    return replace(edge, block=edge.block.leave())


def mute(
    edge: RelationshipEdge, id: str, muted: int, *, notifications: bool, until: str | None
) -> RelationshipEdge:
    """Mute the target, and optionally its notifications, until a time or indefinitely.

    Raises `Invalid` if the source mutes too many accounts.
    """
    if muted >= MAX_MUTED and not edge.mute.taken:
        raise Invalid(f"You mute {muted} accounts; at most {MAX_MUTED} are allowed.")
    return replace(
        edge, mute=edge.mute.join(id), muting_notifications=notifications, muted_until=until
    )


def unmute(edge: RelationshipEdge) -> RelationshipEdge:
    """End a mute."""
    return replace(edge, mute=edge.mute.leave(), muting_notifications=False, muted_until=None)


def expire_mute(edge: RelationshipEdge, now: str) -> RelationshipEdge:
    """End a mute whose time is over."""
    over = edge.mute.taken and edge.muted_until is not None and edge.muted_until <= now
    return unmute(edge) if over else edge


def annotate(edge: RelationshipEdge, note: str, id: str) -> RelationshipEdge:
    """Set a private note on the target. Raises `Invalid`."""
    characters = graphemes(note)
    if characters > MAX_NOTE_CHARACTERS:
        raise Invalid(
            f"The note has {characters} characters; at most {MAX_NOTE_CHARACTERS} are allowed."
        )
    return replace(edge, note=note, noted=edge.noted.join(id) if note else edge.noted.leave())
