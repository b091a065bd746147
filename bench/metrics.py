"""Computes the metrics of each cell from its measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.call_counter import DELIVERIES
from bench.fanout import FanOutResult
from bench.measurement import Measurement
from bench.scenarios import FLOOR
from bench.stats import Latency, median


@dataclass(frozen=True)
class ScenarioMetrics:
    """The metrics of one cell."""

    kind: str
    in_flight: int
    requests: int
    per_second: float
    of_floor: float | None
    """Of the requests per second of the floor with the same number in flight."""
    cost_in_floors: float | None
    """Processor time relative to that of the floor with the same number in flight: the unit `f`."""
    latency: Latency
    errors: int
    samples: list[str]
    calls: dict[str, float]
    """Sidecar calls per request, of all services, minus the idle rate; empty if not counted."""
    cpu: dict[str, float]
    """Processor milliseconds per request (or seconds per 1,000 of them), by kind of process, minus
    the idle load."""
    generator_cpu: float
    """Of the load generator, in the same unit; not included in the others."""
    generator_share: float
    """Share of one core during the turn."""
    digested_after: float | None
    """Seconds until the system was idle, the longest of the turns; None if nothing was written."""
    sustained: float | None
    """Requests per second including the time until the system is idle; only for writes."""

    @property
    def cpu_in_all(self) -> float:
        return sum(self.cpu.values())


@dataclass(frozen=True)
class IdleRates:
    """The load of an idle system."""

    cores: dict[str, float]
    calls_per_second: dict[str, float]

    @property
    def all_cores(self) -> float | None:
        return sum(self.cores.values()) if self.cores else None

    @property
    def sidecar_calls(self) -> float | None:
        """Calls to sidecars per second, without what these deliver."""
        counted = self.calls_per_second
        return sum(counted.values()) - counted.get(DELIVERIES, 0.0) if counted else None


@dataclass(frozen=True)
class ServerResults:
    """What was measured of one server."""

    url: str
    phases: Mapping[str, Mapping[str, float]]
    rows: Sequence[ScenarioMetrics]
    idle: IdleRates
    memory: Mapping[str, Mapping[str, float]]
    """MB by stage and kind of process."""
    fan_outs: Sequence[FanOutResult]
    wrong_homes: int

    @property
    def failed(self) -> int:
        """The number of failed requests."""
        return sum(row.errors for row in self.rows)

    @property
    def lost(self) -> int:
        """The number of home timelines that lacked an acknowledged post."""
        return sum(post.missing for post in self.fan_outs) + self.wrong_homes

    @property
    def fanned_out_after(self) -> float | None:
        """Seconds until every follower had shown a post, the median; None if one never did."""
        if not self.fan_outs or any(post.missing for post in self.fan_outs):
            return None
        return median([post.proven for post in self.fan_outs])

    @property
    def digested_after(self) -> float | None:
        """Seconds until all events were processed, after the worst of all turns."""
        after = [row.digested_after for row in self.rows if row.digested_after is not None]
        return max(after, default=None)

    @property
    def memory_at_end(self) -> float | None:
        stages = list(self.memory.values())
        return sum(stages[-1].values()) if stages else None


def compute_idle_rates(measured: Measurement) -> IdleRates:
    """Return the rates of an idle system."""
    seconds = measured.observed or 1.0
    return IdleRates(
        {kind: used / seconds for kind, used in measured.cpu.items()},
        {block: count / seconds for block, count in measured.calls.items()},
    )


@dataclass(frozen=True)
class Floor:
    """The throughput and the processor time of the floor, in milliseconds per request."""

    per_second: float
    cpu: float


def compute_floors(cells: Sequence[Measurement], idle: IdleRates) -> dict[int, Floor]:
    """Return the floor for each number of requests in flight."""
    return {
        cell.in_flight: Floor(cell.per_second, sum(_cpu(cell, idle).values()))
        for cell in cells
        if cell.kind == FLOOR
    }


def compute_metrics(
    cells: Sequence[Measurement], idle: IdleRates, floors: Mapping[int, Floor]
) -> list[ScenarioMetrics]:
    """Return the metrics of all cells, relative to the floors."""
    return [_metrics(cell, idle, floors.get(cell.in_flight)) for cell in cells]


def _metrics(cell: Measurement, idle: IdleRates, floor: Floor | None) -> ScenarioMetrics:
    cpu = _cpu(cell, idle)
    return ScenarioMetrics(
        kind=cell.kind,
        in_flight=cell.in_flight,
        requests=len(cell.took),
        per_second=cell.per_second,
        of_floor=cell.per_second / floor.per_second if floor and floor.per_second else None,
        cost_in_floors=sum(cpu.values()) / floor.cpu if floor and floor.cpu else None,
        latency=Latency.of([seconds * 1000 for seconds in cell.took]),
        errors=cell.errors,
        samples=cell.samples[:5],
        calls=_per_request(cell, cell.calls, idle.calls_per_second),
        cpu=cpu,
        generator_cpu=cell.own_cpu * 1000 / (len(cell.took) or 1),
        generator_share=cell.own_cpu / cell.seconds if cell.seconds else 0.0,
        digested_after=max(cell.digesting, default=None),
        sustained=cell.sustained if cell.digesting else None,
    )


def _cpu(cell: Measurement, idle: IdleRates) -> dict[str, float]:
    seconds = _per_request(cell, cell.cpu, idle.cores)
    return {kind: used * 1000 for kind, used in seconds.items()}


def _per_request(
    cell: Measurement, totals: Mapping[str, float], idle: Mapping[str, float]
) -> dict[str, float]:
    """Return totals per request, without what an idle system does in that time."""
    return {
        name: max(0.0, total - idle.get(name, 0.0) * cell.observed) / (len(cell.took) or 1)
        for name, total in totals.items()
    }
