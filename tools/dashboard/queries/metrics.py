"""The samples of the last hour as series, for small charts."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from tools.dashboard.sources import Sources

UNITS = {
    "cpu": "cores",
    "memory": "bytes",
    "requests": "per_second",
    "errors": "per_second",
    "latency_p95": "seconds",
    "active_requests": "count",
    "handled": "per_second",
    "not_ok": "per_second",
    "event_age_p95": "seconds",
    "event_lag": "count",
    "events_fetched": "per_second",
    "published": "per_second",
    "outbox_pending": "count",
    "outbox_age": "seconds",
    "dead_letters": "count",
    "sidecar_errors": "per_second",
    "work_failing": "count",
    "work_failures": "per_second",
    "cache_hits": "ratio",
    "streams": "count",
    "rate_limited": "per_second",
    "orders_open": "count",
    "orders_age": "seconds",
    "ledger_imbalance": "count",
    "stock_disagreements": "count",
}
"""All metrics of the sampler, with their units."""


@dataclass(frozen=True)
class MetricSeries:
    """One line of a chart."""

    metric: str
    """A key of UNITS."""
    label: str
    """The process, and what else tells it apart (`posts`, `feed posts`)."""
    unit: str
    points: tuple[tuple[float, float], ...]
    """Pairs of seconds since 1970 and value, oldest first."""
    service: str = ""
    topic: str = ""
    """A topic, a state, a kind or a name of work."""


async def read_metrics(
    sources: Sources, metric: str = "", service: str = ""
) -> tuple[MetricSeries, ...]:
    """Return the series of one metric or of all, of one service or of all."""
    return await asyncio.to_thread(_series, sources, metric, service)


def _series(sources: Sources, metric: str, service: str) -> tuple[MetricSeries, ...]:
    points: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    for each in sources.samples.rounds():
        for sample in each.samples:
            is_of_service = service in ("", sample.process, service_of(sample.process))
            if metric in ("", sample.metric) and is_of_service:
                key = sample.metric, sample.process, sample.topic
                points[key].append((each.at, sample.value))
    order = {name: number for number, name in enumerate(UNITS)}
    ordered = sorted(points, key=lambda key: (order.get(key[0], len(order)), *key))
    return tuple(
        MetricSeries(
            name,
            f"{process} {topic}".strip(),
            UNITS.get(name, "count"),
            tuple(points[name, process, topic]),
            service_of(process),
            topic,
        )
        for name, process, topic in ordered
    )


def service_of(process: str) -> str:
    """Return the service of a process: `posts` for `posts.2` and `posts.daprd`."""
    return process.partition(".")[0]
