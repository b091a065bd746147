from __future__ import annotations

import pytest

from bench.measurement import Measurement
from bench.metrics import (
    IdleRates,
    ScenarioMetrics,
    compute_floors,
    compute_idle_rates,
    compute_metrics,
)
from tests.unit.bench.examples import IDLE, cell


def rows(*cells: Measurement) -> list[ScenarioMetrics]:
    return compute_metrics(cells, IDLE, compute_floors(cells, IDLE))


def test_metrics_are_relative_to_the_floor_with_the_same_number_in_flight() -> None:
    cells = [cell("floor", 1000), cell("home", 500), cell("floor", 4000, 16), cell("home", 400, 16)]
    assert [row.of_floor for row in rows(*cells)] == [1.0, 0.5, 1.0, 0.1]
    assert [row.cost_in_floors for row in rows(*cells)] == pytest.approx([1.0, 2.0, 1.0, 10.0])


def test_without_a_floor_there_is_no_relation_to_it() -> None:
    alone = rows(cell("home", 5))[0]
    assert (alone.of_floor, alone.cost_in_floors) == (None, None)


def test_costs_are_per_thousand_requests_and_exclude_the_idle_load() -> None:
    row = rows(cell("home", 500))[0]
    assert row.per_second == 50
    assert row.cpu == pytest.approx({"gateway": (2 - 0.1) * 2, "sidecars": (3 - 0.2) * 2})
    assert row.cpu_in_all == pytest.approx(9.4)
    assert row.generator_cpu == 1.0
    assert row.generator_share == 0.05
    assert row.latency.worst == 500.0


def test_sidecar_calls_exclude_those_of_an_idle_system() -> None:
    assert rows(cell("home", 500, state=1100.0))[0].calls["state"] == pytest.approx(2.0)
    assert rows(cell("home", 500, state=50.0))[0].calls["state"] == 0.0


def test_uncounted_calls_are_not_zero() -> None:
    uncounted = cell("home", 500)
    uncounted.calls = {}
    assert rows(uncounted)[0].calls == {}


def test_an_idle_system_has_rates() -> None:
    idle = compute_idle_rates(
        Measurement(
            "idle", 0, observed=4.0, cpu={"gateway": 1.0}, calls={"state": 8.0, "deliveries": 4.0}
        )
    )
    assert idle == IdleRates({"gateway": 0.25}, {"state": 2.0, "deliveries": 1.0})
    assert (idle.all_cores, idle.sidecar_calls) == (0.25, 2.0)
    assert IdleRates({}, {}).all_cores is None
    assert IdleRates({}, {}).sidecar_calls is None


def test_event_processing_reduces_the_sustained_rate() -> None:
    writing = cell("compose", 100)
    writing.digesting = [6.0, 4.0]
    row = rows(writing)[0]
    assert (row.digested_after, row.sustained) == (6.0, 5.0)
    assert rows(cell("home", 100))[0].sustained is None
