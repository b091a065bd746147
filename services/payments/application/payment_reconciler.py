"""Settles open steps: those whose outcome nobody knows.

Lists contain the orders with open steps, projected from the payments, so none is lost if a process
dies. When each was asked for last is remembered in memory only: replicas may ask twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from services.chassis.errors import ServiceError
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Window
from services.payments.application.payment_service import PaymentService
from services.payments.repository import Repository

RECONCILE_INTERVAL = 1.0
"""Seconds between two rounds, in each replica."""

IDLE_INTERVAL = 5.0
"""Seconds until the next round after one that found no open step."""

MAX_RETRY_DELAY = 60.0
"""Seconds between two questions about the same payment at most. The first delay is
RECONCILE_INTERVAL."""

CONCURRENCY = 16
BATCH_SIZE = 60
"""How many of the oldest orders of each shard one round reads."""

log = logging.getLogger(__name__)


class PaymentReconciler:
    """Settles open steps. `clock` returns monotonic seconds."""

    def __init__(
        self,
        repository: Repository,
        payments: PaymentService,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._payments = payments
        self._clock = clock
        self._schedule: dict[str, tuple[float, float]] = {}
        """For each order when to ask next, and the delay after that."""

    async def reconcile_due(self) -> bool:
        """Ask about all orders that are due. One state call if none has an open step.

        An order that cannot be settled does not stop the others. Returns whether there are any.
        """
        heads = await self._repository.unsettled_heads()
        orders = [row[0] for head in heads for row in await self._oldest(head)]
        self._schedule = {
            order: self._schedule[order] for order in orders if order in self._schedule
        }
        slots = asyncio.Semaphore(CONCURRENCY)

        async def reconcile(order: str) -> None:
            async with slots:
                await self._reconcile(order)

        await asyncio.gather(*(reconcile(order) for order in orders if self._is_due(order)))
        return bool(orders)

    async def _oldest(self, head: ListHead) -> list[list[str]]:
        return await self._repository.unsettled.read(head, Window(BATCH_SIZE, min_id="0"))

    def _is_due(self, order: str) -> bool:
        at, delay = self._schedule.get(order, (0.0, RECONCILE_INTERVAL / 2))
        now = self._clock()
        if now < at:
            return False
        delay = min(MAX_RETRY_DELAY, 2 * delay)
        self._schedule[order] = (now + delay, delay)
        return True

    async def _reconcile(self, order: str) -> None:
        try:
            payment = await self._payments.reconcile(order)
            if payment.next_open_step is None:
                await self._repository.update_unsettled(order)
        except ServiceError as error:
            log.warning("a payment is still open", extra={"order": order, "why": error.message})
        except Exception:
            log.exception("a payment is still open", extra={"order": order})
