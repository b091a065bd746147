"""Samples processor, memory and the main metrics of all processes every 15 seconds."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.dashboard.collect.metric_text import Values, increase, quantile, read_values
from tools.dashboard.collect.runner_client import RunnerClient
from tools.dashboard.stores.samples import Sample, SampleStore
from tools.runner.config.paths import RunDir
from tools.runner.http_client import request

logger = logging.getLogger(__name__)

INTERVAL = 15.0
SCRAPE_TIMEOUT = 5.0

_REQUESTS = "http_server_request_duration_seconds"
_EVENTS = "microgram_events_handled_total"
_AGE = "microgram_event_age_seconds"

_RATES: Mapping[str, tuple[str, str]] = {
    "microgram_sidecar_call_errors_total": ("sidecar_errors", ""),
    "microgram_events_published_total": ("published", "topic"),
    "microgram_events_fetched_total": ("events_fetched", "topic"),
    "microgram_background_work_failures_total": ("work_failures", "work"),
    "microgram_rate_limited_total": ("rate_limited", "limit"),
}
"""Counters: the name of their rate, and the label that is kept."""

_GAUGES: Mapping[str, tuple[str, str]] = {
    "http_server_active_requests": ("active_requests", ""),
    "microgram_event_lag": ("event_lag", "topic"),
    "microgram_outbox_pending": ("outbox_pending", "topic"),
    "microgram_outbox_oldest_age_seconds": ("outbox_age", "topic"),
    "microgram_dead_letters": ("dead_letters", "topic"),
    "microgram_background_work_failing": ("work_failing", "work"),
    "microgram_streams_open": ("streams", "kind"),
    "microgram_orders_open": ("orders_open", "state"),
    "microgram_orders_oldest_open_age_seconds": ("orders_age", ""),
    "microgram_ledger_imbalance": ("ledger_imbalance", ""),
    "microgram_stock_disagreements": ("stock_disagreements", ""),
}
"""Gauges: their name in samples, and the label that is kept."""

_CACHES = "microgram_cache_requests_total"

_WANTED: Mapping[str, tuple[str, ...]] = {
    f"{_REQUESTS}_count": ("status",),
    f"{_REQUESTS}_bucket": ("le",),
    _EVENTS: ("topic", "result"),
    f"{_AGE}_bucket": ("topic", "le"),
    _CACHES: ("cache", "result"),
    **{name: (label,) if label else () for name, (_, label) in (*_RATES.items(), *_GAUGES.items())},
}


@dataclass(frozen=True)
class _Scrape:
    at: float
    values: Mapping[str, Values]


class MetricSampler:
    """Asks the runner and every service, and stores a round of samples."""

    def __init__(
        self,
        run: RunDir,
        runner: RunnerClient,
        store: SampleStore,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._run = run
        self._runner = runner
        self._store = store
        self._now = now
        self._scrapes: dict[str, _Scrape] = {}

    async def run(self) -> None:
        """Sample until cancelled. A round that fails is logged, and the next one goes on."""
        while True:
            began = time.monotonic()
            try:
                await self.sample()
            except (OSError, sqlite3.Error, ValueError, KeyError) as error:
                logger.warning("cannot sample: %s", error)
            await asyncio.sleep(max(1.0, began + INTERVAL - time.monotonic()))

    async def sample(self) -> None:
        """Store one round; none without a runner."""
        report = await self._runner.report()
        if report is None:
            return
        services = report["services"]
        texts = await asyncio.gather(*(self._scrape(row["app_port"]) for row in services))
        await asyncio.to_thread(self._store_round, report, texts)

    async def _scrape(self, port: int) -> str:
        """Return the metrics of a service; an empty text if it does not answer."""
        try:
            token = self._run.metrics_token.read_text().strip()
            headers = {"authorization": f"Bearer {token}"}
            status, body = await request(port, "/metrics", "GET", headers, SCRAPE_TIMEOUT)
        except (OSError, TimeoutError, ValueError):
            return ""
        return body.decode(errors="replace") if status == 200 else ""

    def _store_round(self, report: Mapping[str, Any], texts: list[str]) -> None:
        samples = [*usage_samples(report)]
        for row, text in zip(report["services"], texts, strict=True):
            if text:
                samples += self._service_samples(row["service"], text)
        self._store.add(self._now(), samples)

    def _service_samples(self, process: str, text: str) -> list[Sample]:
        now, before = _Scrape(self._now(), read_values(text, _WANTED)), self._scrapes.get(process)
        self._scrapes[process] = now
        found = [*_gauges(process, now.values)]
        if before is not None:
            grown = {
                name: increase(values, before.values.get(name, {}))
                for name, values in now.values.items()
                if name not in _GAUGES
            }
            found += _rates(process, grown, max(now.at - before.at, 0.001))
        return found


def usage_samples(report: Mapping[str, Any]) -> Iterator[Sample]:
    """Yield processor (cores) and memory (bytes) of all processes of the runner's report."""
    for row in (*report.get("services", ()), *report.get("infra", ())):
        for prefix, name in (("", row["service"]), ("sidecar_", f"{row['service']}.daprd")):
            percent, memory = row.get(f"{prefix}cpu_percent"), row.get(f"{prefix}memory_bytes")
            if percent is not None:
                yield Sample("cpu", name, "", percent / 100)
            if memory is not None:
                yield Sample("memory", name, "", memory)


def _gauges(process: str, values: Mapping[str, Values]) -> Iterator[Sample]:
    for name, (metric, _) in _GAUGES.items():
        for key, value in values.get(name, {}).items():
            yield Sample(metric, process, key[0] if key else "", value)


def _rates(process: str, grown: Mapping[str, Values], seconds: float) -> Iterator[Sample]:
    by_status = grown.get(f"{_REQUESTS}_count", {})
    failed = sum(value for (status,), value in by_status.items() if status.startswith("5"))
    yield Sample("requests", process, "", sum(by_status.values()) / seconds)
    yield Sample("errors", process, "", failed / seconds)
    for name, (metric, _) in _RATES.items():
        for key, value in grown.get(name, {}).items():
            yield Sample(metric, process, key[0] if key else "", value / seconds)
    yield from _quantiles(process, grown)
    yield from _events(process, grown.get(_EVENTS, {}), seconds)
    yield from _hit_rates(process, grown.get(_CACHES, {}))


def _quantiles(process: str, grown: Mapping[str, Values]) -> Iterator[Sample]:
    requests = [(float(le), count) for (le,), count in grown.get(f"{_REQUESTS}_bucket", {}).items()]
    if (latency := quantile(0.95, requests)) is not None:
        yield Sample("latency_p95", process, "", latency)
    topics: dict[str, list[tuple[float, float]]] = {}
    for (topic, bound), count in grown.get(f"{_AGE}_bucket", {}).items():
        topics.setdefault(topic, []).append((float(bound), count))
    for topic, buckets in topics.items():
        if (age := quantile(0.95, buckets)) is not None:
            yield Sample("event_age_p95", process, topic, age)


def _events(process: str, grown: Values, seconds: float) -> Iterator[Sample]:
    for topic in dict.fromkeys(topic for topic, _ in grown):
        by_result = {result: value for (each, result), value in grown.items() if each == topic}
        handled, ok = sum(by_result.values()), by_result.get("ok", 0.0)
        yield Sample("handled", process, topic, handled / seconds)
        yield Sample("not_ok", process, topic, (handled - ok) / seconds)


def _hit_rates(process: str, grown: Values) -> Iterator[Sample]:
    for cache in dict.fromkeys(cache for cache, _ in grown):
        hits = grown.get((cache, "hit"), 0.0)
        total = sum(value for (each, _), value in grown.items() if each == cache)
        if total:
            yield Sample("cache_hits", process, cache, hits / total)
