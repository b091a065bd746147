"""Small line charts as SVG, with what they say in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 320
HEIGHT = 96
_LEFT = 52
_RIGHT = 6
_TOP = 10
_BOTTOM = 18
_MAX_POINTS = 120
"""Points of a series that are drawn: a chart is not wider."""

Point = tuple[float, float]
"""A Unix time in seconds, and a value."""


@dataclass(frozen=True)
class ChartSeries:
    """What is drawn of one series: its lines, split where samples are missing; the last value."""

    label: str
    lines: tuple[str, ...]
    dots: tuple[Point, ...]
    last: str
    hue: int


@dataclass(frozen=True)
class LineChart:
    """A chart in the units of its view box."""

    series: tuple[ChartSeries, ...]
    summary: str
    top: str
    begin: float
    end: float
    is_empty: bool

    @property
    def left(self) -> int:
        return _LEFT

    @property
    def right(self) -> int:
        return WIDTH - _RIGHT

    @property
    def upper(self) -> int:
        return _TOP

    @property
    def lower(self) -> int:
        return HEIGHT - _BOTTOM


def line_chart(
    series: Sequence[tuple[str, int, Sequence[Point]]],
    begin: float,
    end: float,
    show: Callable[[float], str],
    gap: float = 60.0,
) -> LineChart:
    """Draw series of (label, hue, points) from one Unix time to another.

    `show` writes a value; a line is interrupted where samples are more than `gap` seconds apart.
    """
    values = [value for _, _, points in series for _, value in points]
    ceiling = _ceiling(max(values, default=0.0))

    def placed(point: Point) -> Point:
        x = _LEFT + (point[0] - begin) / max(end - begin, 1.0) * (WIDTH - _LEFT - _RIGHT)
        y = HEIGHT - _BOTTOM - point[1] / ceiling * (HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    drawn = [_drawn(label, hue, points, placed, show, gap) for label, hue, points in series]
    summary = "; ".join(_in_words(label, points, show) for label, _, points in series)
    return LineChart(tuple(drawn), summary or "no samples", show(ceiling), begin, end, not values)


def _drawn(
    label: str,
    hue: int,
    points: Sequence[Point],
    placed: Callable[[Point], Point],
    show: Callable[[float], str],
    gap: float,
) -> ChartSeries:
    step = -(-len(points) // _MAX_POINTS)
    runs = [_peaks(run, step) for run in _runs(points, gap)]
    lines = tuple(
        " ".join(f"{x:g},{y:g}" for x, y in map(placed, run)) for run in runs if len(run) > 1
    )
    dots = tuple(placed(run[0]) for run in runs if len(run) == 1)
    return ChartSeries(label, lines, dots, show(points[-1][1]) if points else "-", hue)


def _runs(points: Sequence[Point], gap: float) -> list[list[Point]]:
    """Split points where samples are missing."""
    runs: list[list[Point]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] <= gap:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _peaks(run: Sequence[Point], step: int) -> Sequence[Point]:
    """Return the highest of every `step` points."""
    if step <= 1:
        return run
    parts = (run[begin : begin + step] for begin in range(0, len(run), step))
    return [max(part, key=lambda point: point[1]) for part in parts]


def _in_words(label: str, points: Sequence[Point], show: Callable[[float], str]) -> str:
    if not points:
        return f"{label}: no samples"
    values = [value for _, value in points]
    return (
        f"{label}: now {show(values[-1])}, lowest {show(min(values))}, highest {show(max(values))}"
    )


def _ceiling(highest: float) -> float:
    """Return the least 1, 2 or 5 times a power of ten that is not below a value."""
    if highest <= 0:
        return 1.0
    power = 1.0
    while power > highest:
        power /= 10
    while power * 10 <= highest:
        power *= 10
    return next(step * power for step in (1, 2, 5, 10) if step * power >= highest)
