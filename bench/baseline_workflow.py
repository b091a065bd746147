"""Runs the orders service with one more workflow: three activities that do nothing.

A checkout is compared to this baseline. `python -m bench.baseline_workflow` replaces
`services.orders` when checkouts are measured. Process, sidecar, engine and store are the same, so
the difference is the cost of a checkout itself.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request

from services.chassis.errors import Forbidden
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.route_guards import CALLING_APP
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.workflows.plan import CallActivity, Plan
from services.chassis.workflows.workflows import Workflows
from services.orders.app import create_app

CALLER = "bench"
PATH = "/bench/bare"
FIRST, SECOND, THIRD = "bare-first", "bare-second", "bare-third"
TIMEOUT = 120.0
"""Seconds in which a workflow must end."""


def baseline_workflow(name: str) -> Plan:
    """Run three activities in sequence."""
    for step in (FIRST, SECOND, THIRD):
        yield CallActivity(step, name)
    return name


class BaselineRunner:
    """Runs baseline workflows, and measures the time to their last activity."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows
        self._ends: dict[str, asyncio.Event] = {}
        workflows.register_activity(FIRST, self._noop)
        workflows.register_activity(SECOND, self._noop)
        workflows.register_activity(THIRD, self._last)
        workflows.register_workflow("bare", baseline_workflow)

    async def run(self, count: int, in_flight: int) -> list[float]:
        """Return the seconds of each workflow."""
        took: list[float] = []
        numbers = iter(range(count))

        async def connection() -> None:
            for _ in numbers:
                took.append(await self._one())  # noqa: PERF401 (connections share it)

        async with asyncio.TaskGroup() as connections:
            for _ in range(in_flight):
                connections.create_task(connection())
        return took

    async def _one(self) -> float:
        id = f"bare-{secrets.token_hex(8)}"
        end = self._ends[id] = asyncio.Event()
        began = time.perf_counter()
        await self._workflows.start("bare", id, id, expect_absent=True)
        async with asyncio.timeout(TIMEOUT):
            await end.wait()
        del self._ends[id]
        return time.perf_counter() - began

    async def _noop(self, name: str) -> str:
        return name

    async def _last(self, name: str) -> str:
        if name in self._ends:
            self._ends[name].set()
        return name


def create_bench_app(service: Service) -> FastAPI:
    """The orders service with a route that runs baseline workflows."""
    workflows = Workflows(service)
    app = create_app(service, workflows)
    runner = BaselineRunner(workflows)
    router = APIRouter()

    @router.post(PATH)
    async def run(
        request: Request,
        count: Annotated[int, Query(ge=1, le=100_000)],
        in_flight: Annotated[int, Query(ge=1, le=1_024)],
    ) -> OrjsonResponse:
        """Run a number of workflows with a given concurrency; return the seconds of each."""
        if request.scope[CALLING_APP] != CALLER:  # the access file has no routes of benchmarks
            raise Forbidden("This route is for the benchmark.")
        return OrjsonResponse(await runner.run(count, in_flight))

    app.include_router(router)
    return app


def main() -> None:
    """Run until a signal."""
    service = Service(Settings())
    service.run(create_bench_app(service))


if __name__ == "__main__":
    main()
