"""The engine of a sidecar that is stuck or not connected; the rest is in the contract suite."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.chassis.dapr.client import ActorStatus
from services.chassis.errors import Unavailable
from services.chassis.periodic import BackgroundWork
from services.chassis.workflows import dapr_engine
from services.chassis.workflows.dapr_engine import DaprEngine


class Hosting:
    """A sidecar whose hosted actors change from check to check."""

    def __init__(self, *checks: list[str] | ActorStatus | None) -> None:
        self._checks = list(checks)
        self.ended_after: list[int] = []
        self.checked = 0
        self.over = asyncio.Event()

    async def is_ready(self) -> bool:
        return True

    async def actors(self) -> ActorStatus:
        if self.checked == len(self._checks):
            self.over.set()
            await asyncio.get_running_loop().create_future()
        self.checked += 1
        look = self._checks[self.checked - 1]
        if look is None:
            raise Unavailable("The sidecar is away.")
        return look if isinstance(look, ActorStatus) else ActorStatus(look)

    async def shut_down(self) -> None:
        self.ended_after.append(self.checked)


WORKING = ["dapr.internal.default.orders.workflow", "dapr.internal.default.orders.activity"]
NONE: list[str] = []
UNPLACED = ActorStatus(NONE, has_placement=False)
UNSCHEDULED = ActorStatus(WORKING, has_scheduler=False)


@pytest.mark.parametrize(
    ("checks", "ended_after"),
    [
        ([WORKING] * 20, []),
        ([NONE] * 4 + [WORKING] + [NONE] * 4, []),
        ([NONE] * 4 + [None] + [NONE] * 4, []),
        ([None] * 20, []),
        ([WORKING] + [NONE] * 5 + [WORKING], [6]),
        ([NONE] * 11, [5, 10]),
        ([UNPLACED] * 20, []),
        ([NONE] * 4 + [UNPLACED] + [NONE] * 4, []),
    ],
)
async def test_a_sidecar_without_actors_for_its_worker_is_restarted(
    checks: list[Any], ended_after: list[int]
) -> None:
    sidecar = Hosting(*checks)
    await watched(sidecar)
    assert sidecar.ended_after == ended_after


async def watched(sidecar: Any) -> DaprEngine:
    """The engine of a sidecar, after all checks of it."""
    dapr = DaprEngine(0, "", sidecar, {}, {})
    dapr._ready = True
    checks = BackgroundWork("actors", dapr.check_actors, 0.0, 0.0)
    watching = asyncio.create_task(checks.run())
    await asyncio.wait_for(sidecar.over.wait(), 30)
    watching.cancel()
    return dapr


@pytest.mark.parametrize(
    ("checks", "problem", "logged"),
    [
        ([WORKING], "", []),
        ([UNPLACED, UNPLACED], "connection to a placement service", ["no workflow can run"]),
        ([UNPLACED, UNSCHEDULED], "connection to a scheduler", ["no workflow can run"] * 2),
        ([UNPLACED, None], "connection to a placement service", ["no workflow can run"]),
        (
            [UNSCHEDULED, UNSCHEDULED, WORKING],
            "",
            ["no workflow can run", "workflows run again"],
        ),
    ],
)
async def test_the_problem_of_an_engine_is_known_and_logged_once(
    caplog: pytest.LogCaptureFixture,
    checks: list[Any],
    problem: str,
    logged: list[str],
) -> None:
    caplog.set_level("INFO", dapr_engine.log.name)
    dapr = await watched(Hosting(*checks))
    assert problem in dapr.problem
    assert bool(dapr.problem) == bool(problem)
    assert [record.message for record in caplog.records] == logged
