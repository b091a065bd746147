"""The results of `--growth`: how costs grow, and whether that is as little as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console, Group

from bench.fanout import FanOutResult
from bench.metrics import IdleRates, ScenarioMetrics
from bench.results import RunConditions
from bench.scaling_groups import AGE, FOLLOWEES, FOLLOWERS
from bench.stats import format_number, median
from bench.tables import new_table, print_samples, target_table
from bench.targets import BenchTarget, at_most

FLAT = 1.25
"""The dearest home page relative to the cheapest, where size should not matter."""

COST_PER_FOLLOWER = 0.004
"""What one follower more may add to the processor time of a post, in units of the floor's."""

MERGED_ABOVE = 2_000
"""Followers above which a post is not fanned out any more (`MICROGRAM_FEED_LARGE`)."""


@dataclass(frozen=True)
class ScalingStep:
    """The measurements for one size, with one request in flight."""

    grows: str
    size: int
    idle: IdleRates
    floor: ScenarioMetrics
    home: ScenarioMetrics
    """A reader's home page, of which the gateway keeps none."""
    post: ScenarioMetrics | None = None
    """A post of the author, with all event processing; only where followers grow."""
    spread: Sequence[FanOutResult] = ()
    """The fan-out of further posts to a sample of followers."""

    @property
    def errors(self) -> int:
        return self.floor.errors + self.home.errors + sum(one.missing for one in self.spread)


@dataclass(frozen=True)
class ScalingResults:
    """All results of one run."""

    conditions: RunConditions
    steps: Sequence[ScalingStep]

    @property
    def errors(self) -> int:
        """The number of failed requests, incomplete home timelines and dead processes."""
        return sum(step.errors for step in self.steps) + sum(self.conditions.restarts.values())

    @property
    def meets_targets(self) -> bool:
        return all(target.met for target in evaluate_growth(self.steps))

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print(scaling_table(self.steps))
        console.print(reader_table(self.steps))
        console.print(target_table(evaluate_growth(self.steps)))
        for step in self.steps:
            print_samples(console, (step.floor, step.home))
        self.conditions.show(console)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        figures = {
            "growth": [asdict(step) for step in self.steps],
            "targets": [asdict(target) for target in evaluate_growth(self.steps)],
        }
        self.conditions.write(path, figures)


def evaluate_growth(steps: Sequence[ScalingStep]) -> list[BenchTarget]:
    """Return the targets, in units of the floor of this run."""
    floor = median([step.floor.cpu_in_all for step in steps])
    return [*_flat_homes(steps), *_linear_posts(steps, floor)]


def _flat_homes(steps: Sequence[ScalingStep]) -> Iterator[BenchTarget]:
    for grows in (FOLLOWERS, FOLLOWEES, AGE):
        costs = [step.home.cpu_in_all for step in steps if step.grows == grows]
        cheapest = min(costs, default=0.0)
        ratio = max(costs) / cheapest if cheapest else None
        yield at_most(f"home, {grows}: dearest / cheapest", FLAT, ratio)


def _linear_posts(steps: Sequence[ScalingStep], floor: float) -> Iterator[BenchTarget]:
    """Each post may cost more than the first by so much a follower, up to the threshold."""
    posts = sorted((step.size, step.post.cpu_in_all) for step in steps if step.post)
    for size, cost in posts[1:]:
        least, cheapest = posts[0]
        reached = min(size, MERGED_ABOVE) - least
        slope = (cost - cheapest) / reached / floor if reached > 0 and floor else None
        what = f"post, {size:,} followers: each more than {least}"
        yield at_most(what, COST_PER_FOLLOWER, slope, " f", 4)


def scaling_table(steps: Sequence[ScalingStep]) -> Group:
    """Return the table of what grows with the followers of an author."""
    units = ("state", "ms", "p50")
    titles = [f"{what} {unit}" for what in ("home", "post") for unit in units]
    rows = new_table("followers", *titles, "half s", "all s")
    for step in steps:
        if step.post:
            seen = [
                median([getattr(one, name) for one in step.spread])
                for name in ("median", "sampled")
            ]
            rows.add_row(
                f"{step.size:,}",
                *_figures(step.home),
                *_figures(step.post),
                *(format_number(value) for value in seen),
            )
    title = "A follower's home page and a post of the author: state calls, processor ms, p50"
    return Group(f"{title};\nseconds until half, and all, of a sample of homes showed a post", rows)


def reader_table(steps: Sequence[ScalingStep]) -> Group:
    """Return the table of what grows with the followees and the age of a reader."""
    rows = new_table("a reader's", "how many", "home state", "home ms", "home p50")
    for step in steps:
        if not step.post:
            rows.add_row(step.grows, f"{step.size:,}", *_figures(step.home))
    return Group("A home page by whom its reader follows, and by what it has received", rows)


def _figures(row: ScenarioMetrics) -> list[str]:
    values = (row.calls.get("state"), row.cpu_in_all, row.latency.p50)
    return [format_number(value, 1 if value is None or value < 100 else 0) for value in values]
