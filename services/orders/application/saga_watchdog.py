"""The saga watchdog: every unfinished order has a running workflow, or gets one.

A workflow is started right after its order is written; orders that are placed at the same time
share one. If the process dies in between, or the engine does not answer or has lost the workflow,
the watchdog finds the order in the list of open orders and starts one for it alone. A workflow that
runs twice reads from the order's log what is done.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from cachetools import TTLCache

from services.chassis.errors import ServiceError
from services.chassis.ids import timestamp
from services.chassis.storage.documents import Document
from services.chassis.storage.readable import load_readable
from services.chassis.workflows.workflows import Workflows
from services.orders.application.checkout_starts import START_TIMEOUT, CheckoutStarts
from services.orders.domain import saga
from services.orders.domain.orders import OrderRecord
from services.orders.repository import OPEN_LIST, Repository

CHECK_INTERVAL = 2.0
"""Seconds between two checks of the open orders."""

IDLE_INTERVAL = 5.0
"""Seconds until the next check after one that found none: no longer than `IDLE_TIMEOUT`."""

IDLE_TIMEOUT = 5.0
"""Seconds without a change after which an open order is checked."""

STALL_TIMEOUT = 60.0
"""Seconds without a change after which a running workflow is ended and started anew. The engine may
have lost the result of an activity when it was killed (docs/dapr-notes.md, 20)."""

_MAX_ENDED = 10_000
"""Workflows of which a process remembers for `STALL_TIMEOUT` that it ended them."""

BATCH_SIZE = 500
"""Open orders that are checked together, with those that became final since the last check."""

CONCURRENCY = 8

UNREAD = "unread"
"""In the place of the state of an order that was not, or could not be read."""

log = logging.getLogger(__name__)


class SagaWatchdog:
    """Starts workflows, and restarts those that have stopped. `now` returns the current time."""

    def __init__(
        self,
        repository: Repository,
        workflows: Workflows,
        starts: CheckoutStarts,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._workflows = workflows
        self._starts = starts
        self._now = now
        self._ended: TTLCache[str, None] = TTLCache(_MAX_ENDED, STALL_TIMEOUT)
        self.open_by_state: Counter[str] = Counter()
        """How many orders were not final at the last check; `unread` are those it did not read."""
        self.oldest_open_since = ""
        """When the oldest checkout or refund of these began (RFC 3339); empty if there is none."""

    @property
    def outage(self) -> str:
        """Why no order continues now and what to do, empty if the engine works."""
        return self._workflows.problem

    async def start_checkout(self, order: str) -> None:
        """Start the workflow of a new order. If that fails, the watchdog starts it later."""
        with self._starting_later():
            await self._starts.start(order)

    async def start_by_steps(self, order: str) -> None:
        """Start the workflow of an order that could not be completed together with others.

        If that fails, the watchdog starts it later.
        """
        await self._start_within_timeout(
            self._workflows.start(saga.CHECKOUT_BY_STEPS, order, order, expect_absent=True)
        )

    async def start_refund(self, order: str) -> None:
        """Start the workflow of a refund. If that fails, the watchdog starts it later."""
        found = await self._repository.orders.get(order)
        if found is not None:
            await self._start_within_timeout(self._ensure_workflow(found))

    async def _start_within_timeout(self, starting: Coroutine[Any, Any, None]) -> None:
        with self._starting_later():
            async with asyncio.timeout(START_TIMEOUT):
                await starting

    @contextmanager
    def _starting_later(self) -> Iterator[None]:
        """Log why a workflow could not be started: `check` starts it later."""
        try:
            yield
        except TimeoutError:
            log.warning("a workflow is started later", extra={"why": self.outage})
        except ServiceError as error:
            log.warning("a workflow is started later", extra={"why": error.message})

    async def check(self) -> bool:
        """Ensure the workflows of open orders to which nothing happens.

        Final orders are removed from the list. Two state calls, three more if there are any, and
        one of the engine for each idle order. An order that cannot be read or started does not
        stop the others: it stays in the list. Returns whether there are open orders.
        """
        rows = await self._repository.open_orders.all(OPEN_LIST)
        ids = [row[0] for row in rows[-BATCH_SIZE:]]
        docs, unreadable = await load_readable(self._repository.state, self._repository.orders, ids)
        final = [
            id for id in ids if id not in unreadable and (id not in docs or docs[id].value.is_final)
        ]
        unfinished = [doc.value for doc in docs.values() if not doc.value.is_final]
        self._count(unfinished, unread=len(rows) - len(ids) + len(unreadable))
        if final:
            await self._remove_from_open(final)
        before = timestamp(self._now() - timedelta(seconds=IDLE_TIMEOUT))
        stalled_before = timestamp(self._now() - timedelta(seconds=STALL_TIMEOUT))
        idle = [doc for doc in docs.values() if not doc.value.is_final and doc.change.time < before]
        slots = asyncio.Semaphore(CONCURRENCY)

        async def ensure(doc: Document[OrderRecord]) -> None:
            async with slots:
                is_stalled = doc.change.time < stalled_before
                await self._ensure_or_log(doc.value, is_stalled=is_stalled)

        await asyncio.gather(*map(ensure, idle))
        return bool(rows)

    def _count(self, unfinished: Sequence[OrderRecord], *, unread: int) -> None:
        self.open_by_state = Counter(order.state for order in unfinished)
        self.open_by_state[UNREAD] = unread
        self.oldest_open_since = min((order.open_since for order in unfinished), default="")

    async def _ensure_or_log(self, order: OrderRecord, *, is_stalled: bool) -> None:
        try:
            await self._ensure_workflow(order, is_stalled=is_stalled)
        except ServiceError as error:
            log.warning(
                "a workflow is not running", extra={"order": order.id, "why": error.message}
            )
        except Exception:
            log.exception("a workflow is not running", extra={"order": order.id})

    async def _remove_from_open(self, ids: list[str]) -> None:
        """Remove final orders from the open ones, except those that are refunded meanwhile."""
        await self._repository.open_orders.remove(OPEN_LIST, ids)
        now = await self._repository.orders.get_many(ids)
        reopened = [[id] for id, order in now.items() if not order.is_final]
        if reopened:
            await self._repository.open_orders.insert(OPEN_LIST, reopened)

    async def _ensure_workflow(self, order: OrderRecord, *, is_stalled: bool = False) -> None:
        """Run the workflow of an order, if something is left to do."""
        if order.is_final:
            return
        name, id, given = _workflow_of(order)
        if is_stalled and id not in self._ended:
            self._ended[id] = None
            await self._workflows.end_running(id)
        await self._workflows.restart(name, id, given)


def _workflow_of(order: OrderRecord) -> tuple[str, str, Any]:
    """The name, the id and the input of the workflow that an order needs."""
    if order.is_refunding:
        number = order.refund_requests
        return saga.REFUND, f"{order.id}-r{number}", {"order": order.id, "number": number}
    return saga.CHECKOUT, order.id, order.id
