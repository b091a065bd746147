"""The samples of the last hour as series, for small charts."""

from __future__ import annotations

from dataclasses import dataclass

from tools.dashboard.sources import Sources


@dataclass(frozen=True)
class MetricSeries:
    """One line of a chart."""

    metric: str
    """`cpu`, `memory`, `requests`, `errors`, `latency_p95`, `event_lag`, …"""
    label: str
    """The process or the service, and what else tells it apart (`posts`, `feed posts`)."""
    unit: str
    """`cores`, `bytes`, `per_second`, `seconds`, `count`."""
    points: tuple[tuple[float, float], ...]
    """Pairs of seconds since 1970 and value, oldest first."""


async def read_metrics(
    sources: Sources, metric: str = "", service: str = ""
) -> tuple[MetricSeries, ...]:
    """Return the series of one metric or of all, of one service or of all."""
    raise NotImplementedError
