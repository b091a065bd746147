"""The state of an edge in view of its reverse edge and of both accounts."""

from __future__ import annotations

from services.users.domain.edges import (
    RelationshipEdge,
    accept,
    annotate,
    unblock,
    unfollow,
    unmute,
)


def without_relations(edge: RelationshipEdge) -> RelationshipEdge:
    """Return what remains of an edge with a deleted account: its former list ids."""
    return unmute(annotate(unblock(unfollow(edge)), "", ""))


def reconcile_edge(
    edge: RelationshipEdge,
    reverse: RelationshipEdge,
    *,
    locked: bool,
    id: str,
    deleted: bool = False,
) -> RelationshipEdge:
    """Return an edge in line with its reverse edge and with both accounts.

    One compare-and-swap cannot cover two documents: a block may be committed while the other side
    follows, a target may be unlocked while a request arrives, an account may be deleted. This
    resolves such conflicts afterwards.
    """
    if deleted:
        return without_relations(edge)
    if (edge.following or edge.requested) and (edge.blocking or reverse.blocking):
        return unfollow(edge)
    if edge.requested and not locked:
        return accept(edge, id)
    return edge
