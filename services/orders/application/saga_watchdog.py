"""No order is stuck: each that is not at rest has a workflow that runs, or gets one.

A workflow is begun right after the order is written. Where the process dies in between, or the
engine does not answer or has lost it, the watch finds the order among the open ones, and begins it
then. A workflow that is begun twice finds in the order's log what is done.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from services.chassis.errors import ServiceError
from services.chassis.ids import timestamp
from services.chassis.workflows.workflows import Workflows
from services.orders.domain.orders import OrderRecord
from services.orders.repository import OPEN_LIST, Repository

CHECK_INTERVAL = 2.0
"""Seconds between two looks at the open orders."""

IDLE_TIMEOUT = 5.0
"""Seconds after which an order to which nothing happens is looked into."""

START_TIMEOUT = 2.0
"""Seconds for which somebody who orders waits for the engine; the watch has longer."""

BATCH_SIZE = 500
"""Orders that are looked at together; also those that came to rest since the last look."""

CONCURRENCY = 8

log = logging.getLogger(__name__)


class SagaWatchdog:
    """Begins workflows, and sees to it that they run."""

    def __init__(
        self, store: Repository, workflows: Workflows, *, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._workflows = workflows
        self._now = now

    @property
    def outage(self) -> str:
        """Why no order goes on now, and what to do; empty where they do."""
        return self._workflows.problem

    async def start_checkout(self, order: str) -> None:
        """Begin the workflow of a new order; should that fail, the watch will."""
        await self._start_within_timeout(
            self._workflows.start("checkout", order, order, fresh=True)
        )

    async def start_refund(self, order: str) -> None:
        """Begin the workflow of a refund; should that fail, the watch will."""
        await self._start_within_timeout(self._ensure_workflow(await self._store.orders.get(order)))

    async def _start_within_timeout(self, beginning: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await beginning
        except TimeoutError:
            log.warning("a workflow is begun later", extra={"why": self.outage})
        except ServiceError as failure:
            log.warning("a workflow is begun later", extra={"why": failure.message})

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
            try:
                await self.check()
            except ServiceError as failure:
                log.warning("could not watch the open orders", extra={"why": failure.message})

    async def check(self) -> int:
        """See to the open orders to which nothing happens; returns how many there are.

        Those that have come to rest are taken from the list. Two state calls, three more where
        there are any, and one of the engine for each of those to which nothing happens.
        """
        ids = [row[0] for row in (await self._store.open_orders.all(OPEN_LIST))[-BATCH_SIZE:]]
        docs = await self._store.orders.load_many(ids)
        orders = {id: doc.value for id, doc in docs.items()}
        over = [id for id in ids if id not in orders or orders[id].is_final]
        if over:
            await self._remove_from_open(over)
        before = timestamp(self._now() - timedelta(seconds=IDLE_TIMEOUT))
        idle = [id for id, doc in docs.items() if id not in over and doc.change.time < before]
        slots = asyncio.Semaphore(CONCURRENCY)

        async def see_to(id: str) -> None:
            async with slots:
                await self._ensure_workflow(orders[id])

        await asyncio.gather(*map(see_to, idle))
        return len(idle)

    async def _remove_from_open(self, ids: list[str]) -> None:
        """Take orders from those that are open, and see that none is refunded meanwhile."""
        await self._store.open_orders.remove(OPEN_LIST, ids)
        now = await self._store.orders.get_many(ids)
        opened = [[id] for id, order in now.items() if not order.is_final]
        if opened:
            await self._store.open_orders.insert(OPEN_LIST, opened)

    async def _ensure_workflow(self, order: OrderRecord | None) -> None:
        """Have the workflow of an order run, if there is something left to do."""
        if order is None or order.is_final:
            return
        if order.is_refunding:
            given = {"order": order.id, "number": order.refund_requests}
            await self._workflows.restart("refund", f"{order.id}-r{order.refund_requests}", given)
        else:
            await self._workflows.restart("checkout", order.id, order.id)
