"""Asks for what is open: steps of which nobody knows what became of them.

A list says which they are, made from the payments themselves, so that none is forgotten whatever
dies. Which of them was asked for when is only remembered here: replicas may ask twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from services.chassis.errors import ServiceError
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Window
from services.payments.application.payment_service import PaymentService
from services.payments.repository import Repository

RECONCILE_INTERVAL = 1.0
"""Seconds between two looks, in each replica."""

MAX_RETRY_DELAY = 60.0
"""Seconds between two questions for the same payment, at most; at first it is `EVERY`."""

CONCURRENCY = 16
BATCH_SIZE = 60

log = logging.getLogger(__name__)


class PaymentReconciler:
    """Goes after what is open, for ever."""

    def __init__(
        self,
        store: Repository,
        till: PaymentService,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._payments = till
        self._clock = clock
        self._schedule: dict[str, tuple[float, float]] = {}
        """For each order when to ask next, and how long to wait then."""

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(RECONCILE_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
            try:
                await self.reconcile_due()
            except ServiceError as failure:
                log.warning("could not look for open payments", extra={"why": failure.message})
            except Exception:
                log.exception("could not look for open payments")

    async def reconcile_due(self) -> None:
        """One look. One state call where nothing is open."""
        waiting = await self._store.unsettled_heads()
        orders = [row[0] for shard, head in waiting for row in await self._oldest(head)]
        self._schedule = {
            order: self._schedule[order] for order in orders if order in self._schedule
        }
        slots = asyncio.Semaphore(CONCURRENCY)

        async def chase(order: str) -> None:
            async with slots:
                await self._reconcile(order)

        due = [order for order in orders if self._is_due(order)]
        await asyncio.gather(*map(chase, due))

    async def _oldest(self, head: ListHead) -> list[list[str]]:
        return await self._store.unsettled.read(head, Window(BATCH_SIZE, min_id="0"))

    def _is_due(self, order: str) -> bool:
        at, pause = self._schedule.get(order, (0.0, RECONCILE_INTERVAL / 2))
        now = self._clock()
        if now < at:
            return False
        pause = min(MAX_RETRY_DELAY, 2 * pause)
        self._schedule[order] = (now + pause, pause)
        return True

    async def _reconcile(self, order: str) -> None:
        try:
            payment = await self._payments.reconcile(order)
            if payment.next_open_step is None:
                await self._store.update_unsettled(order)
        except ServiceError as failure:
            log.warning("still open", extra={"order": order, "why": failure.message})
