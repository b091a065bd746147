"""The erasure of a deleted account: all its relationships end."""

from __future__ import annotations

import asyncio

from services.chassis.storage.window import Window
from services.users.application.edge_reconciliation import EdgeReconciler
from services.users.domain.relationship_lists import INCOMING_LISTS, OUTGOING_LISTS
from services.users.repository import Repository

BATCH_SIZE = 40
"""Edges that one job step ends."""

CONCURRENCY = 8


class AccountEdgeErasure:
    """Ends the edges of a deleted account, a bounded batch per job step.

    Edges created meanwhile are covered by their own events: `EdgeReconciler.reconcile` ends every
    edge with a deleted account.
    """

    def __init__(self, repository: Repository, edges: EdgeReconciler) -> None:
        self._repository = repository
        self._edges = edges

    async def erase_batch(self, id: str) -> bool:
        """End one batch of edges. Returns whether none is left. Some ten state calls an edge."""
        for kind in (*OUTGOING_LISTS, *INCOMING_LISTS):
            rows = await self._repository.lists(kind).page(id, Window(BATCH_SIZE))
            if rows:
                others = [row[1] for row in rows]
                pairs = [(id, o) if kind in OUTGOING_LISTS else (o, id) for o in others]
                await self._end(pairs)
                await self._repository.lists(kind).remove(id, [row[0] for row in rows])
                return False
        await self._repository.dismissed.delete(id)
        return True

    async def _end(self, pairs: list[tuple[str, str]]) -> None:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def end(source: str, target: str) -> None:
            async with slots:
                await self._edges.reconcile(source, target)

        await asyncio.gather(*(end(*pair) for pair in pairs))
