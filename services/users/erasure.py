"""What follows when somebody deletes their account: all that they stood to anybody ends."""

from __future__ import annotations

import asyncio

from services.chassis.storage.window import Window
from services.users.domain.edges import INWARD, OUTWARD
from services.users.stances import Stances
from services.users.store import Store

ROUND = 40
"""How many edges end in one round."""

AT_ONCE = 8


class Erasure:
    """Ends the edges of somebody who is gone, a bounded part in each round.

    What is made meanwhile is seen by its own event: `Stances.agree` ends every edge of which one
    of the two is gone.
    """

    def __init__(self, store: Store, stances: Stances) -> None:
        self._store = store
        self._stances = stances

    async def erase(self, id: str) -> bool:
        """One round; says whether nothing was left. At most some ten state calls an edge."""
        for kind in (*OUTWARD, *INWARD):
            rows = await self._store.lists(kind).page(id, Window(ROUND))
            if rows:
                others = [row[1] for row in rows]
                await self._end([(id, o) if kind in OUTWARD else (o, id) for o in others])
                await self._store.lists(kind).remove(id, [row[0] for row in rows])
                return False
        await self._store.dismissed.delete(id)
        return True

    async def _end(self, edges: list[tuple[str, str]]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def end(source: str, target: str) -> None:
            async with slots:
                await self._stances.agree(source, target)

        await asyncio.gather(*(end(*edge) for edge in edges))
