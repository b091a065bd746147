"""Lists the workflows of orders that are not final, for the operator."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from services.chassis.errors import ServiceError
from services.chassis.workflows.engine import NO_ANSWER
from services.chassis.workflows.workflows import Workflows
from services.orders.application.checkout_starts import CheckoutStarts
from services.orders.domain.orders import OrderRecord
from services.orders.repository import OPEN_LIST, Repository

MAX_WORKFLOWS = 100
"""Of one answer: the newest ones."""

CONCURRENCY = 8

ENGINE_TIMEOUT = 3.0
"""Seconds for all questions to the engine together."""

ABSENT, UNKNOWN = "absent", "unknown"


class OpenWorkflows:
    """Reads the open orders, and asks the engine for their workflows."""

    def __init__(
        self, repository: Repository, workflows: Workflows, starts: CheckoutStarts
    ) -> None:
        self._repository = repository
        self._workflows = workflows
        self._starts = starts

    async def list(self) -> dict[str, Any]:
        """Return a `WorkflowList`, newest first. Two state calls, two of the engine for each.

        The list of open orders has some that became final since the last check: they are left out.
        """
        ids = [row[0] for row in await self._repository.open_orders.all(OPEN_LIST)]
        chosen = sorted(ids, key=lambda id: (len(id), id), reverse=True)[:MAX_WORKFLOWS]
        orders = await self._repository.orders.get_many(chosen)
        slots = asyncio.Semaphore(CONCURRENCY)
        deadline = asyncio.get_running_loop().time() + ENGINE_TIMEOUT

        async def described(order: OrderRecord) -> dict[str, Any]:
            async with slots:
                return await self._described(order, deadline)

        open_orders = [orders[id] for id in chosen if id in orders and not orders[id].is_final]
        rows = await asyncio.gather(*map(described, open_orders))
        return {"workflows": rows, "more": len(ids) > MAX_WORKFLOWS}

    async def _described(self, order: OrderRecord, deadline: float) -> dict[str, Any]:
        id, name = order.id, "checkout"
        if order.is_refunding:
            id, name = f"{order.id}-r{order.refund_requests}", "refund"
        status, why = await self._status(id, deadline)
        return {
            "id": id,
            "name": name,
            "order": order.id,
            "state": order.state,
            "status": status,
            "why": why,
            "history": [asdict(event) for event in order.log],
        }

    async def _status(self, id: str, deadline: float) -> tuple[str, str]:
        if self._workflows.problem:
            return UNKNOWN, self._workflows.problem
        try:
            async with asyncio.timeout_at(deadline):
                found = await self._workflows.find(id)
                if found is None and (shared := self._starts.shared_workflow_of(id)):
                    found = await self._workflows.find(shared)
        except TimeoutError:
            return UNKNOWN, NO_ANSWER
        except ServiceError as error:
            return UNKNOWN, error.message
        return (found.status, found.why) if found else (ABSENT, "")
