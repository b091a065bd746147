"""Computes the metrics of each cell from its measurement, and evaluates the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.fanout import FanOutResult
from bench.measurement import Measurement
from bench.scenarios import COMPOSE, FLOOR, HOME
from bench.stats import Latency, median

HOME_RATIO, COMPOSE_RATIO, STATE_CALLS, FAN_OUT_SECONDS = 0.5, 0.25, 3.0, 1.0


@dataclass(frozen=True)
class ScenarioMetrics:
    """The metrics of one cell."""

    kind: str
    in_flight: int
    requests: int
    per_second: float
    of_floor: float | None
    latency: Latency
    errors: int
    samples: list[str]
    state_calls: float | None
    """Per request, of all services, minus the idle rate; None if not counted."""
    calls: dict[str, float]
    cpu: dict[str, float]
    """Processor milliseconds per request (or seconds per 1,000 of them), by kind of process."""
    generator_cpu: float
    """Of the load generator, in the same unit; not included in the others."""
    generator_share: float
    """Share of one core during the turn."""
    digested_after: float | None
    """Seconds until the system was idle, the median of the turns."""
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


@dataclass(frozen=True)
class BenchTarget:
    """One target, and whether it is met."""

    what: str
    wanted: str
    got: str
    met: bool


def compute_idle_rates(measured: Measurement) -> IdleRates:
    """Return the rates of an idle system."""
    seconds = measured.observed or 1.0
    return IdleRates(
        {kind: used / seconds for kind, used in measured.cpu.items()},
        {block: count / seconds for block, count in measured.calls.items()},
    )


def compute_metrics(cells: Sequence[Measurement], idle: IdleRates) -> list[ScenarioMetrics]:
    """Return the metrics of all cells, relative to the floor with the same number in flight."""
    floors = {cell.in_flight: cell.per_second for cell in cells if cell.kind == FLOOR}
    return [_figures(cell, idle, floors.get(cell.in_flight)) for cell in cells]


def _figures(cell: Measurement, idle: IdleRates, floor: float | None) -> ScenarioMetrics:
    count = len(cell.took) or 1
    calls = {
        block: max(0.0, n - idle.calls_per_second.get(block, 0.0) * cell.observed) / count
        for block, n in cell.calls.items()
    }
    return ScenarioMetrics(
        kind=cell.kind,
        in_flight=cell.in_flight,
        requests=len(cell.took),
        per_second=cell.per_second,
        of_floor=cell.per_second / floor if floor else None,
        latency=Latency.of([seconds * 1000 for seconds in cell.took]),
        errors=cell.errors,
        samples=cell.samples[:5],
        state_calls=calls.get("state"),
        calls=calls,
        cpu={kind: used * 1000 / count for kind, used in cell.cpu.items()},
        generator_cpu=cell.own_cpu * 1000 / count,
        generator_share=cell.own_cpu / cell.seconds if cell.seconds else 0.0,
        digested_after=median(cell.digesting) if cell.digesting else None,
        sustained=cell.sustained if cell.digesting else None,
    )


def evaluate_targets(
    rows: Sequence[ScenarioMetrics],
    fan_outs: Sequence[FanOutResult],
    followers: int,
    wrong_homes: int,
) -> list[BenchTarget]:
    """Return the targets for each number of requests in flight."""
    found: list[BenchTarget] = []
    for row in rows:
        if row.kind == HOME:
            found.append(_ratio(row, HOME_RATIO))
            found.append(_state_calls(row))
        elif row.kind == COMPOSE:
            found.append(_ratio(row, COMPOSE_RATIO))
    if fan_outs:
        found.append(_fan_out(fan_outs, followers))
    errors = sum(row.errors for row in rows)
    lost = sum(post.missing for post in fan_outs) + wrong_homes
    found.append(BenchTarget("requests that failed", "0", str(errors), errors == 0))
    found.append(BenchTarget("homes that lack something acknowledged", "0", str(lost), lost == 0))
    return found


def _ratio(row: ScenarioMetrics, wanted: float) -> BenchTarget:
    got = row.of_floor or 0.0
    what = f"{row.kind}, of the floor's req/s, {row.in_flight} in flight"
    return BenchTarget(what, f"≥ {wanted:.2f}", f"{got:.2f}", got >= wanted)


def _state_calls(row: ScenarioMetrics) -> BenchTarget:
    what = f"{row.kind}, state calls, {row.in_flight} in flight"
    if row.state_calls is None:
        return BenchTarget(what, f"≤ {STATE_CALLS:.0f}", "not counted", met=False)
    # Half a tenth of grace: what the system does by itself is estimated, not known.
    met = row.state_calls <= STATE_CALLS + 0.05
    return BenchTarget(what, f"≤ {STATE_CALLS:.0f}", f"{row.state_calls:.2f}", met)


def _fan_out(fan_outs: Sequence[FanOutResult], followers: int) -> BenchTarget:
    proven = median([post.proven for post in fan_outs])
    return BenchTarget(
        f"fan-out to {followers} followers, proven in all",
        f"≤ {FAN_OUT_SECONDS:.0f} s",
        f"{proven:.2f} s",
        proven <= FAN_OUT_SECONDS and not any(post.missing for post in fan_outs),
    )
