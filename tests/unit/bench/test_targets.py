"""Which figures meet the targets, and how tables show them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console, Group

from bench import tables
from bench.__main__ import MIN_WIDTH
from bench.measurement import Measurement
from bench.metrics import IdleRates, ServerResults
from bench.results import BenchResults, RunConditions
from bench.scenarios import (
    BARE_WORKFLOW,
    CHECKOUT,
    COMPOSE,
    FLOOR,
    HOME,
    NOTIFICATIONS_MISS,
    SCENARIOS,
)
from bench.targets import BenchTarget, at_least, at_most, evaluate_targets
from tests.unit.bench.examples import IDLE, cell, fan_out, results

RESTING = IdleRates({"gateway": 0.0, "sidecars": 0.03}, {"state": 6.0, "publish": 4.0})


def found(own: ServerResults, other: ServerResults | None = None) -> dict[str, BenchTarget]:
    return {target.what: target for target in evaluate_targets(own, other, 37)}


def with_floor(kind: str, floors: float, in_flight: int = 16) -> ServerResults:
    """A scenario of which a request costs as much as so many of the floor."""
    cells = [cell(FLOOR, 6_000, in_flight), cell(kind, round(6_000 / floors), in_flight)]
    return results(cells, idle=IdleRates({}, {}))


@pytest.mark.parametrize(
    ("kind", "limit"), [(COMPOSE, 6.0), (HOME, 0.3), (NOTIFICATIONS_MISS, 1.4), (CHECKOUT, 35.0)]
)
def test_a_request_may_cost_so_many_floors(kind: str, limit: float) -> None:
    what = f"{kind}, 16 in flight"
    assert found(with_floor(kind, limit * 0.97))[what].met
    assert not found(with_floor(kind, limit * 1.03))[what].met


def test_only_the_most_in_flight_have_a_target() -> None:
    cells = [cell(kind, 100, number) for number in (1, 16) for kind in (FLOOR, HOME)]
    assert {what for what in found(results(cells)) if what.startswith(HOME + ",")} == {
        f"{HOME}, 16 in flight"
    }


def test_without_a_floor_a_cost_is_not_met() -> None:
    target = found(results([cell(HOME, 100)]))[f"{HOME}, 1 in flight"]
    assert (target.got, target.met) == ("- f", False)


@pytest.mark.parametrize(("checkouts", "met"), [(30, True), (29, False)])
def test_checkouts_are_relative_to_bare_workflows(checkouts: int, met: bool) -> None:
    cells = [cell(CHECKOUT, checkouts), cell(BARE_WORKFLOW, 100)]
    assert found(results(cells))["checkouts a second, of bare workflows'"].met is met


def test_the_slowest_digest_of_all_turns_counts() -> None:
    quick, slow = cell(COMPOSE, 100), cell(COMPOSE, 100, 16)
    quick.digesting, slow.digesting = [0.1], [0.5, 2.1, 0.4]
    target = found(results([quick, slow]))["digested, at worst after compose (16)"]
    assert (target.got, target.met) == ("2.1 s", False)


@pytest.mark.parametrize(
    ("posts", "met"),
    [
        ([fan_out(0.1)], True),
        ([fan_out(0.08), fan_out(0.12), fan_out(0.2)], False),
        ([fan_out(0.05, missing=1)], False),
    ],
)
def test_every_follower_shows_a_post_in_time(posts: list[object], met: bool) -> None:
    assert found(results([], fan_outs=posts))["all 37 followers show a post"].met is met


def test_a_system_at_rest_meets_its_targets_at_their_bounds() -> None:
    targets = found(results([], idle=RESTING))
    assert targets["cores at rest"].met
    assert targets["sidecar calls a second at rest"].met
    busier = IdleRates({"gateway": 0.031}, {"state": 10.1, "deliveries": 50.0})
    targets = found(results([], idle=busier))
    assert not targets["cores at rest"].met
    assert targets["sidecar calls a second at rest"].got == "10.1"


def test_the_memory_at_the_end_counts() -> None:
    assert found(results([]))["memory at the end"].got == "900 MB"


def test_failures_and_incomplete_homes_of_both_servers_are_missed_targets() -> None:
    failing = cell(HOME, 500)
    failing.errors = 1
    both = found(results([failing], wrong_homes=2), results([failing], fan_outs=[fan_out(1, 3)]))
    assert both["requests that failed"].got == "2"
    assert both["homes that lack a post"].got == "5"


def test_every_cost_has_to_be_below_that_of_the_other_server() -> None:
    own, other = cell(COMPOSE, 100), cell(COMPOSE, 120)
    targets = found(results([own]), results([other, cell(HOME, 5)]))
    beside = targets["beside: compose, 1 in flight"]
    assert (beside.got, beside.met) == ("1.20", False)
    assert not any(what.startswith(f"beside: {HOME}") for what in targets)
    assert targets["beside: MB of memory at the end"].met


def test_a_missing_figure_meets_nothing() -> None:
    assert not at_most("x", 1.0, None).met
    assert not at_least("x", 1.0, None).met


def printed(table: Group, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_tables_fit_eighty_columns_and_lose_nothing() -> None:
    longest = cell(NOTIFICATIONS_MISS, 120_000, 16, state=9e6)
    longest.digesting = [12.3]
    cells = [cell(FLOOR, 200_000, 16), longest]
    kinds = ("gateway", "services", "sidecars", "broker", "store")
    idle = IdleRates(dict.fromkeys(kinds, 0.123), {"state": 12.3})
    own = results(cells, idle=idle, memory={"measured": dict.fromkeys(kinds, 1234.0)})
    shown = [
        tables.speed_table(own.rows),
        tables.cost_table(own.rows, idle),
        tables.call_table(own.rows, idle),
        tables.memory_table(own.memory),
        tables.fan_out_table([fan_out(), fan_out()], 313),
        tables.load_table(own.phases),
        tables.comparison_table(own, own),
        tables.target_table(evaluate_targets(own, own, 313)),
    ]
    for text in map(printed, shown):
        assert "…" not in text
        assert all(len(line) <= 80 for line in text.splitlines())


def test_every_process_has_a_row_where_there_are_many() -> None:
    kinds = ["notifications", "notifications.daprd", *(f"process-{n}" for n in range(22))]
    cells = [cell(kind, 100) for kind in (*SCENARIOS, BARE_WORKFLOW)]
    for measured in cells:
        measured.cpu = dict.fromkeys(kinds, 12.0)
    idle = IdleRates(dict.fromkeys(kinds, 0.012), {})
    own = results(cells, idle=idle, memory={"measured": dict.fromkeys(kinds, 1234.0)})
    for shown in (tables.cost_table(own.rows, idle), tables.memory_table(own.memory)):
        text = printed(shown, MIN_WIDTH)
        assert "…" not in text
        assert {line.split()[0] for line in text.splitlines() if line.strip()} >= {*kinds, "all"}
    costs = printed(tables.cost_table(own.rows, idle), MIN_WIDTH)
    assert {word for kind in SCENARIOS for word in kind.split("-")} <= set(
        costs.replace("-", " ").split()
    )


def test_a_cell_without_responses_has_a_row_too() -> None:
    text = printed(tables.speed_table(results([Measurement(HOME, 1)]).rows))
    assert HOME in text
    assert "nan" not in text


def test_the_comparison_has_the_ratio_of_costs() -> None:
    text = printed(tables.comparison_table(results([cell(HOME, 50)]), results([cell(HOME, 100)])))
    row = next(line.split() for line in text.splitlines() if line.strip().startswith(HOME))
    assert row[1:4] == ["1", "5.0", "10.0"]
    assert row[-1] == "2.00"


def test_results_are_written_with_their_targets_and_conditions(tmp_path: Path) -> None:
    conditions = RunConditions({"graph": {"people": 3}}, 0.25, {"feed": 1})
    outcome = BenchResults(conditions, 37, results([cell(FLOOR, 100)]), None)
    outcome.write(tmp_path / "out" / "figures.json")
    read = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert read["own"]["rows"][0]["kind"] == FLOOR
    assert (read["elsewhere"], read["restarts"], read["graph"]) == (
        0.25,
        {"feed": 1},
        {"people": 3},
    )
    assert read["targets"]
    assert outcome.errors == 1
    console = Console(width=200)
    with console.capture() as shown:
        outcome.show(console)
    assert "feed died, 1 times" in shown.get()
    assert "25%" in shown.get()


def test_idle_load_is_not_part_of_the_unit() -> None:
    assert results([cell(FLOOR, 100)]).rows[0].cost_in_floors == 1.0
    assert IDLE.all_cores == pytest.approx(0.03)
