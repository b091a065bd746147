from __future__ import annotations

import io

import pytest
from rich.console import Console, Group

from bench import tables
from bench.fanout import FanOutResult
from bench.measurement import Measurement
from bench.metrics import IdleRates, compute_idle_rates, compute_metrics, evaluate_targets


def cell(kind: str, count: int, in_flight: int = 1, state: float = 0.0) -> Measurement:
    return Measurement(
        kind=kind,
        in_flight=in_flight,
        seconds=10.0,
        observed=10.0,
        took=[n / count / 2 for n in range(1, count + 1)],
        cpu={"gateway": 2.0, "sidecars": 3.0},
        calls={"state": state},
        own_cpu=0.5,
    )


IDLE = IdleRates({"gateway": 0.01, "sidecars": 0.02}, {"state": 10.0})


def test_metrics_are_relative_to_the_floor_with_the_same_number_in_flight() -> None:
    cells = [cell("floor", 1000), cell("home", 500), cell("floor", 4000, 16), cell("home", 400, 16)]
    rows = compute_metrics(cells, IDLE)
    assert [row.of_floor for row in rows] == [1.0, 0.5, 1.0, 0.1]
    assert compute_metrics([cell("home", 5)], IDLE)[0].of_floor is None


def test_costs_are_per_thousand_requests() -> None:
    row = compute_metrics([cell("home", 500)], IDLE)[0]
    assert row.per_second == 50
    assert row.cpu == {"gateway": 4.0, "sidecars": 6.0}
    assert row.cpu_in_all == 10.0
    assert row.generator_cpu == 1.0
    assert row.generator_share == 0.05
    assert row.latency.worst == 500.0


def test_state_calls_exclude_those_of_an_idle_system() -> None:
    assert compute_metrics([cell("home", 500, state=1100.0)], IDLE)[0].state_calls == pytest.approx(
        2.0
    )
    assert compute_metrics([cell("home", 500, state=50.0)], IDLE)[0].state_calls == 0.0


def test_uncounted_calls_are_not_zero() -> None:
    uncounted = cell("home", 500)
    uncounted.calls = {}
    row = compute_metrics([uncounted], IDLE)[0]
    assert row.state_calls is None
    assert not next(t for t in evaluate_targets([row], [], 0, 0) if "state" in t.what).met


def test_an_idle_system_has_rates() -> None:
    idle = compute_idle_rates(
        Measurement("idle", 0, observed=4.0, cpu={"gateway": 1.0}, calls={"state": 8.0})
    )
    assert idle == IdleRates({"gateway": 0.25}, {"state": 2.0})


def test_event_processing_reduces_the_sustained_rate() -> None:
    writing = cell("compose", 100)
    writing.digesting = [6.0, 4.0]
    row = compute_metrics([writing], IDLE)[0]
    assert (row.digested_after, row.sustained) == (5.0, 5.0)
    assert compute_metrics([cell("home", 100)], IDLE)[0].sustained is None


def fast(missing: int = 0) -> FanOutResult:
    return FanOutResult(acknowledged=0.02, median=0.2, sampled=0.4, proven=0.8, missing=missing)


def verdicts(home: int, compose: int, state: float, fan_outs: list[FanOutResult]) -> list[bool]:
    cells = [cell("floor", 1000), cell("home", home, state=state), cell("compose", compose)]
    return [
        target.met for target in evaluate_targets(compute_metrics(cells, IDLE), fan_outs, 300, 0)
    ]


def test_targets_are_met_at_their_bounds() -> None:
    assert verdicts(500, 250, 1600.0, [fast()]) == [True] * 6


def test_targets_are_missed_beyond_their_bounds() -> None:
    assert verdicts(499, 249, 1700.0, [fast(missing=1)]) == [False] * 4 + [True, False]


def test_failed_requests_and_incomplete_home_timelines_miss_targets() -> None:
    failing = cell("home", 500)
    failing.errors = 1
    found = {
        t.what: t.got
        for t in evaluate_targets(compute_metrics([failing], IDLE), [], 0, wrong_homes=2)
    }
    assert found["requests that failed"] == "1"
    assert found["homes that lack something acknowledged"] == "2"


def printed(table: Group) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_tables_fit_eighty_columns_and_lose_nothing() -> None:
    writing = cell("compose", 120_000, 16, state=9e6)
    writing.digesting = [12.3]
    rows = compute_metrics([cell("floor", 200_000, 16), writing], IDLE)
    kinds = ("gateway", "services", "sidecars", "broker", "store")
    memory = {"measured": dict.fromkeys(kinds, 1234.0)}
    idle = IdleRates(dict.fromkeys(kinds, 0.123), {})
    shown = [
        tables.speed_table(rows),
        tables.cost_table(rows, idle),
        tables.memory_table(memory),
        tables.fan_out_table([fast(), fast()], 313),
        tables.load_table({"follows": {"count": 37_624, "seconds": 100.0}}),
        tables.target_table(evaluate_targets(rows, [fast()], 313, 0)),
    ]
    for text in map(printed, shown):
        assert "…" not in text
        assert all(len(line) <= 80 for line in text.splitlines())


def test_a_cell_without_responses_has_a_row_too() -> None:
    text = printed(tables.speed_table(compute_metrics([Measurement("home", 1)], IDLE)))
    assert "home" in text
    assert "nan" not in text
