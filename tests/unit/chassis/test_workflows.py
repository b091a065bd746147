"""When a sidecar's engine is taken for stuck; the rest is in the contract suite."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.chassis import workflows
from services.chassis.errors import Unavailable
from services.chassis.workflows import DaprEngine


class Hosting:
    """A sidecar that says, look by look, which actors it hosts; at the end it is stopped."""

    def __init__(self, *looks: list[str] | None) -> None:
        self._looks = list(looks)
        self.ended_after: list[int] = []
        self.looked = 0
        self.over = asyncio.Event()

    async def is_ready(self) -> bool:
        return True

    async def actor_types(self) -> list[str]:
        if self.looked == len(self._looks):
            self.over.set()
            return ["any.workflow"]
        self.looked += 1
        types = self._looks[self.looked - 1]
        if types is None:
            raise Unavailable("The sidecar is away.")
        return types

    async def shut_down(self) -> None:
        self.ended_after.append(self.looked)


WORKING = ["dapr.internal.default.orders.workflow", "dapr.internal.default.orders.activity"]
NONE: list[str] = []


@pytest.mark.parametrize(
    ("looks", "ended_after"),
    [
        ([WORKING] * 20, []),
        ([NONE] * 4 + [WORKING] + [NONE] * 4, []),
        ([NONE] * 4 + [None] + [NONE] * 4, []),
        ([None] * 20, []),
        ([WORKING] + [NONE] * 5 + [WORKING], [6]),
        ([NONE] * 11, [5, 10]),
    ],
)
async def test_a_sidecar_is_ended_that_has_long_had_no_actors_for_its_worker(
    monkeypatch: pytest.MonkeyPatch, looks: list[Any], ended_after: list[int]
) -> None:
    monkeypatch.setattr(workflows, "_HEARING", 0.0)
    sidecar: Any = Hosting(*looks)
    engine = DaprEngine(0, "", sidecar, {}, {})
    engine._ready = True
    watching = asyncio.create_task(engine._keep_heard())
    await asyncio.wait_for(sidecar.over.wait(), 30)
    watching.cancel()
    assert sidecar.ended_after == ended_after
