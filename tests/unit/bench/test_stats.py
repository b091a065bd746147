from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bench.stats import Latency, median, percentile


def test_percentiles_are_nearest_ranks() -> None:
    hundred = list(range(1, 101))
    assert percentile(hundred, 0.5) == 50
    assert percentile(hundred, 0.99) == 99
    assert percentile(hundred, 1.0) == 100
    assert percentile([7], 0.01) == 7


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert median([4, 1, 3, 2]) == 2.5
    assert median([9, 1, 5]) == 5


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(median([]))
    assert math.isnan(Latency.of([]).worst)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_share_of_all_does_not_exceed_its_percentile(values: list[float]) -> None:
    latency = Latency.of(values)
    assert sum(value <= latency.p99 for value in values) >= 0.99 * len(values)
    assert latency.p50 <= latency.p90 <= latency.p99 <= latency.worst == max(values)
