"""Charts: places inside the box, missing samples, and the words beside them."""

from __future__ import annotations

from tools.dashboard.web import formats
from tools.dashboard.web.charts import HEIGHT, WIDTH, line_chart


def test_a_chart_says_in_words_what_it_draws() -> None:
    points = [(0.0, 2.0), (10.0, 8.0), (20.0, 4.0)]
    chart = line_chart([("posts", 0, points)], 0, 20, formats.number)
    assert chart.summary == "posts: now 4, lowest 2, highest 8"
    assert chart.top == "10"
    assert chart.series[0].last == "4"


def test_every_point_is_inside_of_the_box() -> None:
    points = [(float(at), float(at % 7)) for at in range(0, 3_600, 10)]
    chart = line_chart([("posts", 0, points)], 0, 3_600, formats.number)
    (line,) = chart.series[0].lines
    for pair in line.split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_a_line_is_interrupted_where_samples_are_missing() -> None:
    points = [(0.0, 1.0), (10.0, 1.0), (500.0, 1.0), (900.0, 1.0), (910.0, 2.0)]
    chart = line_chart([("posts", 0, points)], 0, 1_000, formats.number, gap=60)
    assert len(chart.series[0].lines) == 2
    assert len(chart.series[0].dots) == 1


def test_a_chart_without_samples_says_so() -> None:
    chart = line_chart([], 0, 10, formats.number)
    assert chart.is_empty
    assert chart.summary == "no samples"
    assert line_chart([("posts", 0, [])], 0, 10, formats.number).summary == "posts: no samples"


def test_the_ceiling_is_a_round_number() -> None:
    for highest, ceiling in ((0.0, "1"), (0.03, "0.05"), (1.0, "1"), (1.1, "2"), (612.0, "1,000")):
        chart = line_chart([("a", 0, [(0.0, highest)])], 0, 1, formats.number)
        assert chart.top == ceiling


def test_a_peak_among_many_points_is_drawn() -> None:
    points = [(float(at), 1.0) for at in range(3_600)]
    points[1_801] = (1_801.0, 9.0)
    chart = line_chart([("posts", 0, points)], 0, 3_600, formats.number)
    (line,) = chart.series[0].lines
    pairs = [tuple(map(float, pair.split(","))) for pair in line.split()]
    assert len(pairs) <= 120
    assert min(y for _, y in pairs) < min(y for x, y in pairs if x < 100), "up is less"
