"""Values as people read them."""

from __future__ import annotations

import pytest

from tools.dashboard.web import formats


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "-"),
        (0, "0 ms"),
        (0.416, "0.42 ms"),
        (12.34, "12.3 ms"),
        (250, "250 ms"),
        (1250, "1.25 s"),
        (180_000, "3 min"),
    ],
)
def test_durations(milliseconds: float | None, text: str) -> None:
    assert formats.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (12, "12 B"),
        (812_000, "812 kB"),
        (64_200_000, "64 MB"),
        (1_340_000_000, "1.34 GB"),
    ],
)
def test_sizes(count: float | None, text: str) -> None:
    assert formats.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (8.2, "8 s"), (-1, "0 s"), (185, "3 min"), (7200, "2 h"), (432_000, "5 d")],
)
def test_ages(seconds: float | None, text: str) -> None:
    assert formats.age(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.25, "0.25"), (12.34, "12.3"), (1204, "1,204"), (1204.6, "1,205"), (0, "0")],
)
def test_numbers(value: float | None, text: str) -> None:
    assert formats.number(value) == text


def test_percentages_show_small_shares() -> None:
    assert [formats.percent(share) for share in (None, 0, 0.004, 0.12, 1)] == [
        "-",
        "0 %",
        "0.4 %",
        "12 %",
        "100 %",
    ]


def test_a_service_has_one_colour_everywhere() -> None:
    assert formats.hue("posts") == formats.hue("posts")
    assert 0 <= formats.hue("a-service-of-a-guest") < formats.HUES
