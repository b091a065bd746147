"""What is derived from edges: reverse edges and lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.chassis.converge import converge
from services.chassis.dapr.state import StateEntry
from services.users.domain.edge_reconciliation import reconcile_edge
from services.users.domain.edges import RelationshipEdge, edge_id
from services.users.domain.relationship_lists import ListUpdate, list_updates
from services.users.repository import Repository

Rows = dict[str, StateEntry]


class EdgeReconciler:
    """Brings reverse edges and lists in line with edges.

    A list may be written after its edge has changed again. The writer notices this when it reads
    the edge once more, and repeats the update. So the last update is right, whatever was repeated,
    reordered or interrupted.
    """

    def __init__(self, repository: Repository, new_id: Callable[[], str]) -> None:
        self._repository = repository
        self._new_id = new_id

    async def reconcile(self, source: str, target: str) -> None:
        """Bring the reverse edge and all lists in line with an edge."""
        await converge(
            lambda: self._read(source, target),
            lambda rows: self._apply(rows, source, target),
            what=f"The edge from account {source} to {target}",
        )

    async def accept_pending(self, target: str) -> None:
        """Accept all follow requests of an account that is not locked any more."""
        for _, source in await self._repository.lists("requests").all(target):
            await self.reconcile(source, target)

    async def _read(self, source: str, target: str) -> Rows | None:
        """Read both edges and both accounts. None if the edge does not exist."""
        repository = self._repository
        edge_key = repository.edge_key(source, target)
        rows = await repository.state.get_many(
            [
                edge_key,
                repository.edge_key(target, source),
                repository.users.key(source),
                repository.users.key(target),
            ]
        )
        return rows if edge_key in rows else None

    async def _apply(self, rows: Rows, source: str, target: str) -> None:
        """Reconcile both edges, or update the lists if the edges are in line already."""
        if await self._reconcile_pair(rows, source, target):
            return
        edge = self._repository.decode_edge(rows, source, target)
        await asyncio.gather(*(self._update_list(update) for update in list_updates(edge)))

    async def _reconcile_pair(self, rows: Rows, source: str, target: str) -> bool:
        """Return whether an edge is out of line with the other or with the accounts.

        An edge that has changed since it was read stays unchanged.
        """
        repository = self._repository
        edge = repository.decode_edge(rows, source, target)
        reverse = repository.decode_edge(rows, target, source)
        profile = repository.decode_profile(rows, target)
        locked = profile is None or profile.locked
        deleted = repository.is_deleted(rows, source) or repository.is_deleted(rows, target)
        forth = reconcile_edge(edge, reverse, locked=locked, deleted=deleted, id=self._new_id())
        back = reconcile_edge(reverse, edge, locked=True, deleted=deleted, id="")
        for before, after in ((edge, forth), (reverse, back)):
            if before != after:
                await self._replace(before, after)
        return (edge, reverse) != (forth, back)

    async def _replace(self, before: RelationshipEdge, after: RelationshipEdge) -> None:
        id = edge_id(before.source, before.target)
        await self._repository.edges.update(id, lambda kept: after if kept == before else kept)

    async def _update_list(self, update: ListUpdate) -> None:
        lists, membership = self._repository.lists(update.kind), update.membership
        if membership.taken:
            await lists.insert(update.owner, [[membership.id, update.other]])
        if membership.stale_ids:
            await lists.remove(update.owner, membership.stale_ids)
