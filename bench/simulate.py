"""The capacity of 10 thousand, a million and 100 million people, by simulation.

python -m bench.simulate            # print the tables of docs/scale.md
python -m bench.simulate --write    # write them there
python -m bench.simulate --edges F  # the checks with a graph of your own
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bottlenecks import BOTTLENECKS
from bench.capacity import LARGE, WRITES, Capacity, post_f
from bench.measured import (
    CALLS_OF_A_POST,
    HOME_TURN,
    MEMORY_MB,
    MIX_TURN,
    POST_MS,
    POST_MS_BY_HOME,
    READ_MS,
    SERVICE_F,
    SIDECAR_F,
    TURN_SECONDS,
    WRITE_MS,
)
from bench.page_cache import simulate_turn
from bench.population import Population
from bench.social_graph import SocialGraph, make_graph, read_graph
from services.feed.application.fanout import FLUSH_SIZE
from tools.learn import figures

SIZES = (10_000, 1_000_000, 100_000_000)
PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
_BLOCK = re.compile(r"(<!-- simulated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Check:
    """A point that was measured, and what the simulation says."""

    what: str
    measured: float
    simulated: float

    @property
    def error(self) -> float:
        """The difference, relative to what was measured."""
        return self.simulated / self.measured - 1


def checks(graph: SocialGraph) -> list[Check]:
    """Return the measured points, for a graph like that of the runs."""
    few = graph.best_connected(200)
    friends, population = few.friends(), Population.of_graph(few)
    apart = population.fanned_out(LARGE) - population.homes_written(FLUSH_SIZE, LARGE)

    home = simulate_turn(friends, HOME_TURN.per_second, TURN_SECONDS, (1, 0, 0))
    mix = simulate_turn(friends, MIX_TURN.per_second, TURN_SECONDS)
    return [
        Check(
            "calls of services of a home page, 200 people",
            HOME_TURN.calls,
            home.calls(CALLS_OF_A_POST),
        ),
        Check(
            "calls of services of the mix, 200 people", MIX_TURN.calls, mix.calls(CALLS_OF_A_POST)
        ),
        Check(
            "milliseconds of a post that writes each home by itself, 200 people",
            POST_MS_BY_HOME,
            POST_MS + (READ_MS + WRITE_MS) * apart,
        ),
    ]


def tables(graph: SocialGraph) -> dict[str, str]:
    """Return every table of the page by its name."""
    return {
        "measured": _measured(),
        "checks": _checks(checks(graph)),
        "fanout": _fan_out(),
        "capacity": _capacity([Capacity(people) for people in SIZES]),
        "bottlenecks": _bottlenecks(),
    }


def written(page: str, made: Mapping[str, str]) -> str:
    """Return a page with its tables, and the figures of other pages that it quotes.

    Raises KeyError for a table that is not made.
    """
    return figures.render(
        _BLOCK.sub(lambda block: f"{block[1]}{made[block[2]]}{block[3]}", page), PAGE
    )


def _measured() -> str:
    def price(app: str, kind: str) -> str:
        parts = [costs[kind].get(app, 0.0) for costs in (SERVICE_F, SIDECAR_F)]
        return " + ".join(f"{part:.1f}" for part in parts) if max(parts) >= 0.05 else ""

    rows = (
        [app, *(price(app, kind) for kind in SERVICE_F), f"{MEMORY_MB[app]}"] for app in MEMORY_MB
    )
    return _table(["service + sidecar, in f", *SERVICE_F, "MB"], rows)


def _checks(found: Iterable[Check]) -> str:
    rows = (
        [check.what, f"{check.measured:.2f}", f"{check.simulated:.2f}", f"{check.error:+.0%}"]
        for check in found
    )
    return _table(["", "measured", "simulated", "error"], rows)


def _fan_out() -> str:
    populations = [Population.of_size(people) for people in SIZES]

    def row(what: str, value: Callable[[Population], float]) -> list[str]:
        return [what, *(_number(value(one)) for one in populations)]

    return _table(
        ["", *map(_people, SIZES)],
        [
            row("followers of the best known account", lambda one: one.groups[0].followers),
            row(f"accounts above {LARGE:,} followers", lambda one: one.large(LARGE).people),
            row("of these, followed by each person", lambda one: one.merged(LARGE)),
            row("homes into which a post goes", lambda one: one.fanned_out(LARGE)),
            row("homes written for a post", lambda one: one.homes_written(FLUSH_SIZE, LARGE)),
            row("price of a post, in f", post_f),
        ],
    )


def _capacity(sizes: Sequence[Capacity]) -> str:
    def row(what: str, value: Callable[[Capacity], float]) -> list[str]:
        return [what, *(_number(value(one)) for one in sizes)]

    replicas = [
        [f"replicas of {app}", *(f"{one.replicas[app]:,}" for one in sizes)] for app in MEMORY_MB
    ]
    partitions = [
        [f"partitions of the store of {app}", *(f"{one.partitions[app]:,}" for one in sizes)]
        for app in sizes[0].partitions
        if sizes[-1].partitions[app] > 1
    ]
    return _table(
        ["at the peak", *(_people(one.people) for one in sizes)],
        [
            row("requests a second", lambda one: one.requests),
            row("of these, writes", lambda one: sum(one.rates[kind] for kind in WRITES)),
            row("homes written a second", lambda one: one.homes),
            row(
                "names of what posts change a second, to each gateway",
                lambda one: one.named_documents,
            ),
            row("cores of services", lambda one: sum(one.service_cores.values())),
            row("cores of sidecars", lambda one: sum(one.sidecar_cores.values())),
            row("cores of broker and workflow servers", lambda one: one.server_cores),
            row("GB of memory of services and sidecars", lambda one: one.memory_gb),
            row("GB of documents after a year", lambda one: one.stored_gb),
            *replicas,
            *partitions,
        ],
    )


def _bottlenecks() -> str:
    def row(index: int) -> list[str]:
        one = BOTTLENECKS[index]
        sizes = (f"{_number(one.value(people))} {one.unit}".strip() for people in SIZES)
        limit = f"{_number(one.limit)} {one.unit}".strip()
        breaks = one.breaks_at()
        return [one.what, *sizes, limit, _people(breaks) if breaks else "never"]

    head = ["", *map(_people, SIZES), "too much", "reached by"]
    return _table(head, map(row, range(len(BOTTLENECKS))))


def _people(count: float) -> str:
    rounded = float(f"{count:.1e}")
    return f"{rounded / 1e6:g} million" if rounded >= 1e6 else f"{rounded:,.0f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.simulate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help="write them to docs/scale.md")
    parser.add_argument("--edges", type=Path, metavar="FILE", help="a graph, `a b` a line")
    given = parser.parse_args(arguments)
    if given.write:
        PAGE.write_text(written(PAGE.read_text(), tables(make_graph(1))))
        return 0
    made = tables(read_graph(given.edges) if given.edges else make_graph(1))
    print("\n".join(f"{name}\n{table}" for name, table in made.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
