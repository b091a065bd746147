"""Measures in rounds: every cell has a turn in each, so that the machine's drift hits all alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.counted import read_counts
from bench.generator import Cell, Generator
from bench.homes import Homes
from bench.kinds import WRITING
from bench.quiet import until_quiet
from bench.system import System
from bench.usage import Usage, less

IDLE = "idle"


@dataclass
class Measured:
    """All turns of one kind at one number of requests in flight."""

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
    """Seconds over which processor time and calls were counted, digesting included."""
    digesting: list[float] = field(default_factory=list)
    """Seconds after each turn until the system was at rest again."""

    def add(self, cell: Cell) -> None:
        self.seconds += cell.seconds
        self.took += cell.took
        self.errors += cell.errors
        self.samples += cell.samples
        self.own_cpu += cell.own_cpu

    def use(self, cpu: dict[str, float], calls: dict[str, float], seconds: float) -> None:
        """Add what a turn cost."""
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
class Probe:
    """What is looked at around every turn."""

    system: System
    usage: Usage

    def calls(self) -> dict[str, float]:
        folder = self.system.counts
        return {block: float(n) for block, n in read_counts(folder).items()} if folder else {}

    @contextmanager
    def using(self, measured: Measured) -> Iterator[None]:
        """Add what is done meanwhile to what a kind of request costs."""
        began, cpu, calls = time.perf_counter(), self.usage.cpu(), self.calls()
        yield
        took = time.perf_counter() - began
        measured.use(less(self.usage.cpu(), cpu), less(self.calls(), calls), took)


class Rounds:
    """Runs the turns, every other round backwards: what came first comes last."""

    def __init__(self, generator: Generator, probe: Probe, homes: Homes) -> None:
        self._generator = generator
        self._probe = probe
        self._homes = homes
        self.idle = Measured(IDLE, 0)
        self.cells: list[Measured] = []

    async def run(
        self,
        kinds: Sequence[str],
        in_flight: Sequence[int],
        seconds: float,
        rounds: int,
        tick: Callable[[str], None],
    ) -> None:
        """Measure each kind at each number in flight, for so many seconds in all."""
        self.cells = [Measured(kind, number) for number in in_flight for kind in kinds]
        for cell in self.cells:  # so that nothing is measured cold
            await self._turn(Measured(cell.kind, cell.in_flight), min(0.5, seconds / rounds))
            tick("warming up")
        for turn in range(rounds):
            await self._rest(seconds / rounds)
            tick(IDLE)
            for cell in self.cells if turn % 2 == 0 else reversed(self.cells):
                await self._turn(cell, seconds / rounds)
                tick(f"{cell.kind}, {cell.in_flight} in flight")

    async def _turn(self, measured: Measured, seconds: float) -> None:
        with self._probe.using(measured):
            cell = await self._generator.run(measured.kind, measured.in_flight, seconds)
            if measured.kind in WRITING:
                for author, id in cell.posted:
                    self._homes.posted(author, id)
                measured.digesting.append(await until_quiet(self._probe.usage))
        measured.add(cell)

    async def _rest(self, seconds: float) -> None:
        with self._probe.using(self.idle):
            await asyncio.sleep(seconds)
