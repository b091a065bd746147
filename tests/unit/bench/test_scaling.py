from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.api_client import BenchPerson
from bench.fanout import FanOutResult
from bench.measurement import Measurement
from bench.metrics import IdleRates
from bench.options import SCALING_SIZES, parse
from bench.scaling import (
    SAMPLE_SIZE,
    RequestCost,
    ScalingResults,
    ScalingStep,
    assign_followers,
    homes_to_verify,
    sample_followers,
    scaling_table,
)

IDLE = IdleRates({"gateway": 0.01, "sidecars": 0.03}, {"state": 10.0})


def people(count: int) -> list[BenchPerson]:
    return [BenchPerson(str(number), "") for number in range(count)]


def step(followers: int, missing: int = 0, errors: int = 0) -> ScalingStep:
    price = RequestCost(state_calls=1234.5, cpu=12345.6, p50=123.4, errors=errors, samples=[])
    seen = FanOutResult(acknowledged=0.1, median=10.25, sampled=20.5, proven=30.0, missing=missing)
    return ScalingStep(followers, price, price, [seen, seen])


def test_every_number_of_followers_has_an_author_and_followers_of_its_own() -> None:
    groups = assign_followers(people(6), (1, 3))
    assert [(group.author.id, [f.id for f in group.followers]) for group in groups] == [
        ("0", ["1"]),
        ("2", ["3", "4", "5"]),
    ]


def test_a_reader_s_home_shows_the_posts_of_their_author_alone() -> None:
    homes, places = homes_to_verify(assign_followers(people(6), (1, 3)))
    assert places == [0, 2]
    for id, place in (("7", 0), ("8", 2)):
        homes.record_post(place, id)
    assert [homes.expected_page(person) for person in range(6)] == [
        *[["7"], ["7"]],
        *[["8"], ["8"], ["8"], ["8"]],
    ]


def test_a_sample_of_many_followers_and_all_of_few_are_watched() -> None:
    assert len({each.id for each in sample_followers(people(1_000), 1)}) == SAMPLE_SIZE
    assert sorted(each.id for each in sample_followers(people(3), 1)) == ["0", "1", "2"]
    assert sample_followers(people(1_000), 1) == sample_followers(people(1_000), 1)


def test_a_cost_excludes_the_idle_load() -> None:
    measured = Measurement("post", 1, took=[0.01, 0.03], observed=4.0)
    measured.cpu, measured.calls = {"gateway": 0.1, "sidecars": 0.2}, {"state": 100.0}
    price = RequestCost.of(measured, IDLE)
    assert price.state_calls == pytest.approx((100 - 40) / 2)
    assert price.cpu == pytest.approx((0.3 - 0.16) * 1000 / 2)
    assert price.p50 == pytest.approx(20.0)


def test_a_cost_below_the_idle_load_is_zero_and_an_uncounted_one_unknown() -> None:
    measured = Measurement("post", 1, took=[0.01], observed=100.0, calls={"state": 1.0})
    assert RequestCost.of(measured, IDLE).state_calls == 0.0
    assert RequestCost.of(measured, IDLE).cpu == 0.0
    measured.calls = {}
    assert RequestCost.of(measured, IDLE).state_calls is None


def test_incomplete_home_timelines_failed_requests_and_deaths_are_errors() -> None:
    def errors(steps: list[ScalingStep], **restarts: int) -> int:
        return ScalingResults({}, steps, [], 0.0, restarts).errors

    assert errors([step(10)]) == 0
    assert errors([step(10, missing=1, errors=3)]) == 5
    assert errors([step(10)], feed=2) == 2


def test_the_table_fits_eighty_columns_and_loses_nothing() -> None:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(scaling_table([step(size) for size in SCALING_SIZES]))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    assert "10,000" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_option_growth_works_with_and_without_numbers() -> None:
    assert parse([]).growth == ()
    assert parse(["--growth"]).growth == SCALING_SIZES
    assert parse(["--growth", "5,50"]).growth == (5, 50)
    with pytest.raises(SystemExit):
        parse(["--growth", "0"])
