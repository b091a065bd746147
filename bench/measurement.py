"""Measures in rounds with a turn for every cell, so that drift of the machine affects all alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.call_counter import read_counts
from bench.generator import CellResult, LoadGenerator
from bench.home_verifier import HomeVerifier
from bench.idle import wait_until_idle
from bench.process_usage import ProcessUsage, usage_delta
from bench.scenarios import WRITE_SCENARIOS

IDLE = "idle"
_MIN_IDLE_SECONDS = 15.0
"""An idle system works in intervals of up to some seconds."""


@dataclass
class Measurement:
    """All turns of one scenario with one number of requests in flight."""

    kind: str
    in_flight: int
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    errors: int = 0
    samples: list[str] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    own_cpu: float = 0.0
    calls: dict[str, float] = field(default_factory=dict)
    observed: float = 0.0
    """Seconds over which processor time and calls were counted, including event processing."""
    digesting: list[float] = field(default_factory=list)
    """Seconds after each turn until the system was idle."""

    def add(self, cell: CellResult) -> None:
        self.seconds += cell.seconds
        self.took += cell.took
        self.errors += cell.errors
        self.samples += cell.samples
        self.own_cpu += cell.own_cpu

    def add_error(self, why: str) -> None:
        self.errors += 1
        self.samples.append(why)

    def add_usage(self, cpu: dict[str, float], calls: dict[str, float], seconds: float) -> None:
        """Add the cost of a turn."""
        self.observed += seconds
        for total, part in ((self.cpu, cpu), (self.calls, calls)):
            for name, value in part.items():
                total[name] = total.get(name, 0.0) + value

    @property
    def per_second(self) -> float:
        return len(self.took) / self.seconds if self.seconds else 0.0

    @property
    def sustained(self) -> float:
        busy = self.seconds + sum(self.digesting)
        return len(self.took) / busy if busy else 0.0


@dataclass
class UsageProbe:
    """Reads the counters before and after every turn."""

    usage: ProcessUsage
    call_counts: Path | None = None
    """The folder of the counters of sidecar calls."""

    def calls(self) -> dict[str, float]:
        folder = self.call_counts
        return {kind: float(n) for kind, n in read_counts(folder).items()} if folder else {}

    @contextmanager
    def measure_usage(self, measured: Measurement) -> Iterator[None]:
        """Add the usage inside the block to the cost of a measurement."""
        began, cpu, calls = time.perf_counter(), self.usage.cpu(), self.calls()
        yield
        took = time.perf_counter() - began
        measured.add_usage(
            usage_delta(self.usage.cpu(), cpu), usage_delta(self.calls(), calls), took
        )


@dataclass
class MeasuredServer:
    """One of the servers whose turns alternate, and what was measured of it."""

    generator: LoadGenerator
    probe: UsageProbe
    verifier: HomeVerifier
    kinds: Sequence[str]
    idle: Measurement = field(default_factory=lambda: Measurement(IDLE, 0))
    cells: list[Measurement] = field(default_factory=list)

    async def turn(self, measured: Measurement, seconds: float) -> None:
        """Keep requests in flight for some seconds, and wait until their events are processed."""
        with self.probe.measure_usage(measured):
            cell = await self.generator.run(measured.kind, measured.in_flight, seconds)
            if measured.kind in WRITE_SCENARIOS:
                for author, id in cell.posted:
                    self.verifier.record_post(author, id)
                measured.digesting.append(await wait_until_idle(self.probe.usage))
        measured.add(cell)


class MeasurementRounds:
    """Runs the turns of all servers, in reverse order every other round."""

    def __init__(self, *servers: MeasuredServer) -> None:
        self._servers = servers

    async def run(
        self,
        in_flight: Sequence[int],
        seconds: float,
        rounds: int,
        tick: Callable[[str], None],
    ) -> None:
        """Measure each scenario of each server with each number of requests in flight."""
        turns = self._turns(in_flight)
        for server, cell in turns:  # so that nothing is measured cold
            await server.turn(Measurement(cell.kind, cell.in_flight), min(0.5, seconds / rounds))
            tick("warming up")
        for number in range(rounds):
            await self._measure_idle(max(_MIN_IDLE_SECONDS, seconds) / rounds)
            tick(IDLE)
            for server, cell in turns if number % 2 == 0 else reversed(turns):
                await server.turn(cell, seconds / rounds)
                tick(f"{cell.kind}, {cell.in_flight} in flight")

    def _turns(self, in_flight: Sequence[int]) -> list[tuple[MeasuredServer, Measurement]]:
        turns = [
            (server, Measurement(kind, number))
            for number in in_flight
            for kind in dict.fromkeys(kind for server in self._servers for kind in server.kinds)
            for server in self._servers
            if kind in server.kinds
        ]
        for server, cell in turns:
            server.cells.append(cell)
        return turns

    async def _measure_idle(self, seconds: float) -> None:
        with ExitStack() as stack:
            for server in self._servers:
                await wait_until_idle(server.probe.usage)
                stack.enter_context(server.probe.measure_usage(server.idle))
            await asyncio.sleep(seconds)
