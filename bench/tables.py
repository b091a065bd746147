"""The tables of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, Group
from rich.table import Table

from bench.call_counter import BLOCKS
from bench.comparison import ComparedFigure, compare_rest, pair_rows
from bench.fanout import FanOutResult
from bench.metrics import IdleRates, ScenarioMetrics, ServerResults
from bench.stats import format_number, median
from bench.targets import BenchTarget

_MANY = 10
"""More processes than these have a row each. So many columns of scenarios are beside each other:
they fit into 160 characters, with 13 of the longest word."""


def new_table(*columns: str) -> Table:
    """Return a table with a first column of texts, and columns of numbers."""
    made = Table(box=box.SIMPLE_HEAD, padding=0)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return made


def speed_table(rows: Sequence[ScenarioMetrics]) -> Group:
    """Return the table of throughput and latency."""
    shown = new_table(
        *("what", "n", "req/s", "of floor", "p50 ms", "p99 ms", "errors", "digest s", "sustained")
    )
    for row, ends in _grouped(rows):
        shown.add_row(
            row.kind,
            str(row.in_flight),
            _rate(row.per_second),
            format_number(row.of_floor),
            format_number(row.latency.p50, 1),
            format_number(row.latency.p99, 1),
            f"[red]{row.errors}[/red]" if row.errors else "0",
            format_number(row.digested_after, 1),
            _rate(row.sustained),
            end_section=ends,
        )
    return Group("What clients see, n in flight", shown)


def cost_table(rows: Sequence[ScenarioMetrics], idle: IdleRates) -> Group:
    """Return the table of processor time; of many processes, tables with a row for each."""
    kinds = list(idle.cores)
    share = max((row.generator_share for row in rows), default=0.0)
    title = f"Processor milliseconds per request (the generator: {share:.0%} of a core at most)"
    columns = ("what", "n", *kinds, "all", "f")
    lines = [_cost_line(row, kinds) for row in rows]
    cores = [format_number(idle.cores[kind], 3) for kind in kinds]
    at_rest = ["at rest (cores)", "", *cores, format_number(idle.all_cores, 3), ""]
    if len(kinds) > _MANY:
        return Group(title, *_turned(columns, [*lines, at_rest]))
    shown = new_table(*columns)
    for line, (_, ends) in zip(lines, _grouped(rows), strict=True):
        shown.add_row(*line, end_section=ends)
    shown.add_row(*at_rest)
    return Group(title, shown)


def _cost_line(row: ScenarioMetrics, kinds: Sequence[str]) -> list[str]:
    costs = (*(row.cpu.get(kind) for kind in kinds), row.cpu_in_all, row.cost_in_floors)
    return [row.kind, str(row.in_flight), *map(format_number, costs)]


def call_table(rows: Sequence[ScenarioMetrics], idle: IdleRates) -> Group:
    """Return the table of sidecar calls."""
    blocks = [block for block in BLOCKS if any(row.calls.get(block) for row in rows)]
    shown = new_table("what", "n", *blocks)
    for row, ends in _grouped(rows):
        counts = [format_number(row.calls.get(block, 0.0), 1) for block in blocks]
        shown.add_row(row.kind, str(row.in_flight), *counts, end_section=ends)
    rates = [format_number(idle.calls_per_second.get(block, 0.0), 1) for block in blocks]
    shown.add_row("at rest (a second)", "", *rates)
    return Group("Sidecar calls per request, of all services", shown)


def memory_table(stages: Mapping[str, Mapping[str, float]]) -> Group:
    """Return the table of memory, by kind of process; of many, with a row for each."""
    kinds = list(next(iter(stages.values())))
    title = "Memory (proportional set size), MB"
    columns = ("when", *kinds, "all")
    lines = [
        [stage, *(format_number(memory[kind], 0) for kind in kinds), _all_memory(memory)]
        for stage, memory in stages.items()
    ]
    if len(kinds) > _MANY:
        return Group(title, *_turned(columns, lines))
    shown = new_table(*columns)
    for line in lines:
        shown.add_row(*line)
    return Group(title, shown)


def _all_memory(by_kind: Mapping[str, float]) -> str:
    return format_number(sum(by_kind.values()), 0)


def comparison_table(own: ServerResults, other: ServerResults) -> Group:
    """Return the tables of both servers beside each other."""
    shown = new_table(
        *("what", "n", "req/s", "other", "p50 ms", "other", "cpu ms", "other", "ratio")
    )
    for row, beside in pair_rows(own, other):
        cost = ComparedFigure(row.kind, row.cpu_in_all, beside.cpu_in_all)
        shown.add_row(
            row.kind,
            str(row.in_flight),
            *(_rate(each.per_second) for each in (row, beside)),
            *(format_number(each.latency.p50, 1) for each in (row, beside)),
            *(format_number(value) for value in (cost.own, cost.other, cost.ratio)),
        )
    rest = new_table("what", "here", "other", "ratio")
    for figure in compare_rest(own, other):
        values = (figure.own, figure.other, figure.ratio)
        rest.add_row(figure.what, *(format_number(value) for value in values))
    return Group(f"Beside {other.url}; ratio: here / other, of the processor time", shown, rest)


def fan_out_table(fan_outs: Sequence[FanOutResult], followers: int) -> Group:
    """Return the table of fan-out times."""
    title = f"A post to {followers} followers, {len(fan_outs)} times: seconds from its sending"
    shown = new_table("", "acknowledged", "half", "all (sampled)", "all (each asked)")
    columns = ("acknowledged", "median", "sampled", "proven")
    values = [[getattr(post, column) for post in fan_outs] for column in columns]
    shown.add_row("median", *(format_number(median(column), 3) for column in values))
    shown.add_row("worst", *(format_number(max(column), 3) for column in values))
    return Group(title, shown)


def load_table(phases: Mapping[str, Mapping[str, float]]) -> Group:
    """Return the table of loading phases."""
    shown = new_table("what", "how many", "seconds", "per second")
    for phase, seen in phases.items():
        rate = seen["count"] / seen["seconds"]
        shown.add_row(
            phase,
            format_number(seen["count"], 0),
            format_number(seen["seconds"], 1),
            format_number(rate, 0),
        )
    return Group("Loading", shown)


def target_table(targets: Sequence[BenchTarget]) -> Group:
    """Return the table of targets."""
    shown = new_table("target", "wanted", "figure", "")
    for target in targets:
        verdict = "[green]met[/green]" if target.met else "[red]missed[/red]"
        shown.add_row(target.what, target.wanted, target.got, verdict)
    return Group("Targets", shown)


def print_samples(console: Console, rows: Sequence[ScenarioMetrics]) -> None:
    """Print some error responses."""
    for row in rows:
        for sample in row.samples:
            console.print(
                f"[red]{row.kind}, {row.in_flight} in flight[/red]: {sample}", markup=True
            )


def _rate(per_second: float | None) -> str:
    return format_number(per_second, 1 if per_second is not None and per_second < 100 else 0)


def _grouped(rows: Sequence[ScenarioMetrics]) -> list[tuple[ScenarioMetrics, bool]]:
    """Yield each row, and whether it ends a group with the same number in flight."""
    following = [*rows[1:], None]
    return [
        (row, next_row is None or next_row.in_flight != row.in_flight)
        for row, next_row in zip(rows, following, strict=True)
    ]


def _turned(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> list[Table]:
    """Return tables with a row for each column but the first, which names their columns."""
    shown = []
    for start in range(0, len(lines), _MANY):
        part = lines[start : start + _MANY]
        made = new_table(columns[0], *(_in_lines(line[0]) for line in part))
        for i, name in enumerate(columns[1:], 1):
            made.add_row(name, *(line[i] for line in part))
        shown.append(made)
    return shown


def _in_lines(words: str) -> str:
    return words.replace("-", "-\n").replace(" ", "\n")
