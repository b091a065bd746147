"""Starts the workflows of new orders. Orders that are placed at the same time share one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from cachetools import FIFOCache

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.workflows.workflows import Workflows
from services.orders.domain import saga

PAUSE = 0.1
"""Seconds between the start of a workflow that several orders share and the next one. A lone order,
and orders that follow each other, do not wait."""

START_TIMEOUT = 2.0
"""Seconds for which the engine may take to start a workflow. The watchdog starts it later then."""

PATIENCE = 0.25
"""Seconds after which the next orders no longer wait for the engine to answer the last start."""

_MAX_REMEMBERED_ORDERS = 10_000
"""For how many orders a process remembers that their workflow is shared."""


class CheckoutStarts:
    """Starts a workflow for each order, or one for several."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows
        self._shared: FIFOCache[str, str] = FIFOCache(_MAX_REMEMBERED_ORDERS)
        self._groups: CallGroups[str] = CallGroups(
            self._start,
            lambda span, _: span.describe("start a checkout", {}),
            max_calls=1,
            kind=tracing.INTERNAL,
            patience=PATIENCE,
        )

    async def start(self, order: str) -> None:
        """Start the workflow of a new order: one call of the engine, which orders may share.

        Raises `TimeoutError` after `START_TIMEOUT`.
        """
        await self._groups.submit(order)

    def shared_workflow_of(self, order: str) -> str | None:
        """The id of the workflow that this process started for an order and others, if it did."""
        return self._shared.get(order)

    async def _start(self, group: list[Request[str]]) -> None:
        waiting = [request for request in group if not request.result.done()]
        orders = [request.asked for request in waiting]
        async with asyncio.timeout(START_TIMEOUT):
            await self._start_workflow(orders)
        for request in waiting:
            request.succeed(None)
        if len(orders) > 1:
            await asyncio.sleep(PAUSE)

    async def _start_workflow(self, orders: Sequence[str]) -> None:
        if len(orders) == 1:
            await self._workflows.start(saga.CHECKOUT, orders[0], orders[0], expect_absent=True)
        elif orders:
            id = f"together-{secrets.token_hex(8)}"
            self._shared.update(dict.fromkeys(orders, id))
            await self._workflows.start(
                saga.CHECKOUT_TOGETHER, id, {"orders": orders}, expect_absent=True
            )
