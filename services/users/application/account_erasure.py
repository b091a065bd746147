"""What follows when somebody deletes their account: all that they stood to anybody ends."""

from __future__ import annotations

import asyncio

from services.chassis.storage.window import Window
from services.users.application.relationships import RelationshipService
from services.users.domain.edges import INCOMING_LISTS, OUTGOING_LISTS
from services.users.repository import Repository

BATCH_SIZE = 40
"""How many edges end in one round."""

CONCURRENCY = 8


class AccountEdgeErasure:
    """Ends the edges of a deleted account, a bounded batch per job step.

    Edges created meanwhile are covered by their own events: `RelationshipService.reconcile` ends
    every edge with a deleted account.
    """

    def __init__(self, repository: Repository, relationships: RelationshipService) -> None:
        self._repository = repository
        self._relationships = relationships

    async def erase_batch(self, id: str) -> bool:
        """One round; says whether nothing was left. At most some ten state calls an edge."""
        for kind in (*OUTGOING_LISTS, *INCOMING_LISTS):
            rows = await self._repository.lists(kind).page(id, Window(BATCH_SIZE))
            if rows:
                others = [row[1] for row in rows]
                await self._end([(id, o) if kind in OUTGOING_LISTS else (o, id) for o in others])
                await self._repository.lists(kind).remove(id, [row[0] for row in rows])
                return False
        await self._repository.dismissed.delete(id)
        return True

    async def _end(self, edges: list[tuple[str, str]]) -> None:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def end(source: str, target: str) -> None:
            async with slots:
                await self._relationships.reconcile(source, target)

        await asyncio.gather(*(end(*edge) for edge in edges))
