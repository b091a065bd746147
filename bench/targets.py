"""The targets, and whether a run meets them.

Most are in units of `f`: the processor time of one request of the floor with the same number in
flight in the same run. So they do not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.comparison import compare_costs, compare_rest
from bench.metrics import ScenarioMetrics, ServerResults
from bench.scenarios import (
    ACCOUNT,
    ACCOUNT_MISS,
    BARE_WORKFLOW,
    CHECKOUT,
    COMMENT,
    COMPOSE,
    FOLLOW,
    HOME,
    HOME_MISS,
    LIKE,
    MIX,
    NOTIFICATIONS,
    NOTIFICATIONS_MISS,
)
from bench.stats import format_number

COSTS = {
    HOME: 0.3,
    HOME_MISS: 1.4,
    ACCOUNT: 0.3,
    ACCOUNT_MISS: 1.4,
    NOTIFICATIONS: 0.3,
    NOTIFICATIONS_MISS: 1.4,
    MIX: 2.0,
    COMPOSE: 6.0,
    LIKE: 5.0,
    FOLLOW: 8.0,
    COMMENT: 8.0,
    CHECKOUT: 35.0,
}
"""The highest processor time of a request with the most in flight, events included, in `f`."""

CHECKOUTS_OF_BARE = 0.3
"""Checkouts per second, relative to baseline workflows."""

DIGEST_SECONDS, FAN_OUT_SECONDS = 2.0, 0.1
REST_CALLS, REST_CORES = 10.0, 0.03
MEMORY_MB = 1_000.0


@dataclass(frozen=True)
class BenchTarget:
    """One target, and whether it is met."""

    what: str
    wanted: str
    got: str
    met: bool


def at_most(
    what: str, limit: float, got: float | None, unit: str = "", digits: int = 2
) -> BenchTarget:
    """Return a target with an upper bound; it is missed if there is no figure."""
    met = got is not None and got <= limit
    wanted, figure = (format_number(value, digits) for value in (limit, got))
    return BenchTarget(what, f"≤ {wanted}{unit}", f"{figure}{unit}", met)


def at_least(what: str, limit: float, got: float | None) -> BenchTarget:
    """Return a target with a lower bound; it is missed if there is no figure."""
    met = got is not None and got >= limit
    return BenchTarget(what, f"≥ {format_number(limit)}", format_number(got), met)


def evaluate_targets(
    own: ServerResults, other: ServerResults | None, followers: int
) -> list[BenchTarget]:
    """Return the targets of what was measured."""
    most = max((row.in_flight for row in own.rows), default=0)
    loaded = [row for row in own.rows if row.in_flight == most]
    both = [own, other] if other else [own]
    return [
        *_costs(loaded),
        *_checkout_rate(loaded),
        *_digest(own),
        *_at_rest(own, followers),
        *(_beside(own, other) if other else ()),
        at_most("requests that failed", 0, sum(one.failed for one in both), digits=0),
        at_most("homes that lack a post", 0, sum(one.lost for one in both), digits=0),
    ]


def _costs(rows: Sequence[ScenarioMetrics]) -> Iterator[BenchTarget]:
    for row in rows:
        if row.kind in COSTS:
            what = f"{row.kind}, {row.in_flight} in flight"
            yield at_most(what, COSTS[row.kind], row.cost_in_floors, " f")


def _checkout_rate(rows: Sequence[ScenarioMetrics]) -> Iterator[BenchTarget]:
    rates = {row.kind: row.per_second for row in rows}
    if CHECKOUT in rates and rates.get(BARE_WORKFLOW):
        ratio = rates[CHECKOUT] / rates[BARE_WORKFLOW]
        yield at_least("checkouts a second, of bare workflows'", CHECKOUTS_OF_BARE, ratio)


def _digest(own: ServerResults) -> Iterator[BenchTarget]:
    if own.digested_after is not None:
        slowest = next(row for row in own.rows if row.digested_after == own.digested_after)
        what = f"digested, at worst after {slowest.kind} ({slowest.in_flight})"
        yield at_most(what, DIGEST_SECONDS, own.digested_after, " s", 1)


def _at_rest(own: ServerResults, followers: int) -> Iterator[BenchTarget]:
    if own.fan_outs:
        what = f"all {followers} followers show a post"
        yield at_most(what, FAN_OUT_SECONDS, own.fanned_out_after, " s", 3)
    if own.idle.cores:
        yield at_most("cores at rest", REST_CORES, own.idle.all_cores, digits=3)
    if own.idle.calls_per_second:
        yield at_most("sidecar calls a second at rest", REST_CALLS, own.idle.sidecar_calls, "", 1)
    if own.memory:
        yield at_most("memory at the end", MEMORY_MB, own.memory_at_end, " MB", 0)


def _beside(own: ServerResults, other: ServerResults) -> Iterator[BenchTarget]:
    for figure in (*compare_costs(own, other), *compare_rest(own, other)):
        yield at_most(f"beside: {figure.what}", 1.0, figure.ratio)
