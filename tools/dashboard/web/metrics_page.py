"""The page of the metrics: a small chart for each, with its figures as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tools.dashboard.api import sources_of
from tools.dashboard.queries.metrics import MetricSeries, read_metrics
from tools.dashboard.web import formats
from tools.dashboard.web.charts import LineChart, line_chart
from tools.dashboard.web.renderer import DashboardRenderer

HOUR = 3_600.0
_LEAST = 300.0
"""Seconds that a chart covers at least."""

MAX_LINES = 6
"""Lines of a chart: those with the highest last value. The table has all."""

_TITLES = {
    "requests": "Requests a second",
    "errors": "Failed requests a second",
    "latency_p95": "Duration of requests, 95th percentile",
    "cpu": "Processor",
    "memory": "Memory",
    "event_lag": "Events on their way",
    "event_age_p95": "Age of events when handled, 95th percentile",
    "handled": "Events handled a second",
    "not_ok": "Events repeated or failed a second",
    "published": "Events published a second",
    "events_fetched": "Lost events fetched a second",
    "outbox_pending": "Events in the outbox",
    "outbox_age": "Age of the oldest event in the outbox",
    "dead_letters": "Dead letters",
    "sidecar_errors": "Failed calls of sidecars a second",
    "work_failing": "Background work that fails",
    "orders_open": "Open orders",
    "orders_age": "Age of the oldest open order",
    "ledger_imbalance": "Imbalance of the ledger, cents",
    "stock_disagreements": "Disagreements of stock",
    "cache_hits": "Share of hits in caches",
    "streams": "Open streams",
    "rate_limited": "Requests refused by a limit a second",
}
"""In the order of the page; others follow."""

_SHOWN: dict[str, Callable[[float | None], str]] = {
    "cores": formats.cores,
    "bytes": formats.size,
    "per_second": formats.number,
    "seconds": lambda value: formats.duration(None if value is None else value * 1000),
    "count": formats.number,
    "ratio": formats.percent,
}


@dataclass(frozen=True)
class MetricRow:
    """The figures of one series: in the table below a chart."""

    label: str
    now: str
    lowest: str
    highest: str


@dataclass(frozen=True)
class MetricChart:
    """A chart, and the figures of all its series."""

    metric: str
    title: str
    chart: LineChart
    rows: tuple[MetricRow, ...]
    left_out: int


async def show_metrics(pages: DashboardRenderer, request: Request) -> Response:
    """The charts of all services, or of one."""
    service = request.query_params.get("service", "")[:100]
    sources = sources_of(request)
    series = await read_metrics(sources)
    services = sorted({each.service for each in series})
    chosen = [each for each in series if service in ("", each.service)]
    return pages.render(
        request,
        "metrics",
        here="metrics",
        service=service,
        services=services,
        charts=list(charts(chosen, sources.now())),
    )


def charts(series: Sequence[MetricSeries], now: float) -> Iterator[MetricChart]:
    """Yield a chart for each metric that has samples, the main ones first."""
    by_metric: dict[str, list[MetricSeries]] = {}
    for each in series:
        if each.points:
            by_metric.setdefault(each.metric, []).append(each)
    order = [*_TITLES, *sorted(by_metric)]
    for metric in sorted(by_metric, key=order.index):
        yield _chart(metric, by_metric[metric], now)


def _chart(metric: str, series: Sequence[MetricSeries], now: float) -> MetricChart:
    show = _SHOWN.get(series[0].unit, formats.number)
    ranked = sorted(series, key=lambda each: -each.points[-1][1])
    shown = sorted(ranked[:MAX_LINES], key=lambda each: each.label)
    lines = [(each.label, _hue(each, shown), each.points) for each in shown]
    title = _TITLES.get(metric) or metric.replace("_", " ").capitalize()
    first = min(each.points[0][0] for each in series)
    chart = line_chart(lines, max(now - HOUR, min(first, now - _LEAST)), now, show)
    rows = tuple(_row(each, show) for each in ranked)
    return MetricChart(metric, title, chart, rows, len(ranked) - len(shown))


def _hue(series: MetricSeries, shown: Sequence[MetricSeries]) -> int:
    """Return the colour of a service; where several series are of one service, one for each."""
    owners = [each.service for each in shown]
    if owners.count(series.service) == 1:
        return formats.hue(series.service)
    return shown.index(series)


def _row(series: MetricSeries, show: Callable[[float], str]) -> MetricRow:
    values = [value for _, value in series.points]
    return MetricRow(series.label, show(values[-1]), show(min(values)), show(max(values)))
