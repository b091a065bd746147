"""Controls the load generator process."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, cast

import orjson

from bench.scenarios import ScenarioData

_MAX_LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class CellResult:
    """The result of one turn of one scenario with a number of requests in flight."""

    took: list[float]
    posted: list[tuple[int, str]]
    errors: int
    samples: list[str]
    seconds: float
    own_cpu: float


class LoadGenerator:
    """Runs the worker process, and sends it cells."""

    def __init__(self, data: ScenarioData) -> None:
        self._stage = data

    async def __aenter__(self) -> LoadGenerator:
        pipe = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.worker", stdin=pipe, stdout=pipe, limit=_MAX_LINE_BYTES
        )
        self._orders = cast("asyncio.StreamWriter", self._child.stdin)
        self._answers = cast("asyncio.StreamReader", self._child.stdout)
        await self._report(self._stage.to_json())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()

    async def run(self, kind: str, in_flight: int, seconds: float) -> CellResult:
        """Measure one cell."""
        await self._report({"kind": kind, "in_flight": in_flight, "seconds": seconds})
        line = await self._answers.readline()
        if not line:
            raise RuntimeError("The load generator has died.")
        answer: dict[str, Any] = orjson.loads(line)
        answer["posted"] = [(author, id) for author, id in answer["posted"]]
        return CellResult(**answer)

    async def _report(self, what: dict[str, Any]) -> None:
        self._orders.write(orjson.dumps(what) + b"\n")
        await self._orders.drain()
