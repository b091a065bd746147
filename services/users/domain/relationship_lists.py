"""The lists that are derived from edges: followers, follow requests, blocks and so on."""

from __future__ import annotations

from dataclasses import dataclass

from services.users.domain.edges import RelationshipEdge
from services.users.domain.list_membership import ListMembership

OUTGOING_LISTS = ("following", "asked", "blocks", "mutes", "noted")
"""The lists of a source, with the targets of its edges."""

INCOMING_LISTS = ("followers", "requests", "blockers", "muters")
"""The lists of a target, with the sources of its edges."""


@dataclass(frozen=True, slots=True)
class ListUpdate:
    """What a list should contain of an edge: one row if the membership is taken, else none."""

    kind: str
    owner: str
    other: str
    membership: ListMembership


def list_updates(edge: RelationshipEdge) -> list[ListUpdate]:
    """Return the updates of all lists that ever contained an edge."""
    source, target = edge.source, edge.target
    updates = [
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
    return [update for update in updates if update.membership.id]
