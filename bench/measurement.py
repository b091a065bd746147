"""Measures in rounds with a turn for every cell, so that drift of the machine affects all alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.call_counter import read_counts
from bench.generator import CellResult, LoadGenerator
from bench.home_verifier import HomeVerifier
from bench.idle import wait_until_idle
from bench.process_usage import ProcessUsage, usage_delta
from bench.scenarios import WRITE_SCENARIOS
from bench.system import BenchSystem

IDLE = "idle"


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

    system: BenchSystem
    usage: ProcessUsage

    def calls(self) -> dict[str, float]:
        folder = self.system.call_counts
        return {block: float(n) for block, n in read_counts(folder).items()} if folder else {}

    @contextmanager
    def measure_usage(self, measured: Measurement) -> Iterator[None]:
        """Add the usage inside the block to the cost of a measurement."""
        began, cpu, calls = time.perf_counter(), self.usage.cpu(), self.calls()
        yield
        took = time.perf_counter() - began
        measured.add_usage(
            usage_delta(self.usage.cpu(), cpu), usage_delta(self.calls(), calls), took
        )


class MeasurementRounds:
    """Runs the turns, in reverse order every other round."""

    def __init__(self, generator: LoadGenerator, probe: UsageProbe, homes: HomeVerifier) -> None:
        self._generator = generator
        self._probe = probe
        self._verifier = homes
        self.idle = Measurement(IDLE, 0)
        self.cells: list[Measurement] = []

    async def run(
        self,
        kinds: Sequence[str],
        in_flight: Sequence[int],
        seconds: float,
        rounds: int,
        tick: Callable[[str], None],
    ) -> None:
        """Measure each scenario with each number of requests in flight."""
        self.cells = [Measurement(kind, number) for number in in_flight for kind in kinds]
        for cell in self.cells:  # so that nothing is measured cold
            await self._turn(Measurement(cell.kind, cell.in_flight), min(0.5, seconds / rounds))
            tick("warming up")
        for turn in range(rounds):
            await self._measure_idle(seconds / rounds)
            tick(IDLE)
            for cell in self.cells if turn % 2 == 0 else reversed(self.cells):
                await self._turn(cell, seconds / rounds)
                tick(f"{cell.kind}, {cell.in_flight} in flight")

    async def _turn(self, measured: Measurement, seconds: float) -> None:
        with self._probe.measure_usage(measured):
            cell = await self._generator.run(measured.kind, measured.in_flight, seconds)
            if measured.kind in WRITE_SCENARIOS:
                for author, id in cell.posted:
                    self._verifier.record_post(author, id)
                measured.digesting.append(await wait_until_idle(self._probe.usage))
        measured.add(cell)

    async def _measure_idle(self, seconds: float) -> None:
        with self._probe.measure_usage(self.idle):
            await asyncio.sleep(seconds)
