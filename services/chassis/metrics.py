"""The metrics of one service, in the text format of Prometheus at `GET /metrics`.

    metrics.events_handled["posts", "ok"].inc()

A `Metrics` belongs to a `Service`, and so does its registry: tests run many services in one
process. Names follow the conventions of Prometheus and OpenTelemetry: base units, `_total` for
counters. Every label has few values, and none that a client can choose. A value that is in memory
anyway is read when somebody scrapes, which costs nothing else; one that needs a state call is set
by periodic work, never by a scrape. docs/observability.md lists all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

M = TypeVar("M", bound=MetricWrapperBase)
Labels = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]
Samples = Iterable[tuple[Labels, float]]
"""The values of a metric by its labels, each labels once."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Seconds, of those that OpenTelemetry advises for requests: each costs memory in each series."""

AGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)
"""Seconds from a commit until its event is handled."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
"""They would add a series for each counter and histogram."""


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A metric as docs/observability.md lists it."""

    name: str
    kind: Kind
    labels: Labels
    meaning: str


class CountedCache(Protocol):
    """A cache that counts what was found in it. To add to a number costs it next to nothing."""

    hits: int
    misses: int


class LabelledMetric(dict[Labels | str, M], Generic[M]):
    """A metric's children by their labels, each made once: to find one costs a lookup.

    The key is the label's value, or all values as a tuple.
    """

    def __init__(self, metric: M) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: Labels | str) -> M:
        values = (labels,) if isinstance(labels, str) else labels
        child = self[labels] = self._metric.labels(*values) if values else self._metric
        return child


class Metrics:
    """The registry of a service, and the metrics that the chassis sets itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.definitions: list[MetricDefinition] = []
        ProcessCollector(registry=self.registry)
        self.active_requests: set[RequestRecord] = set()
        self.gauge(
            "http_server_active_requests",
            "Requests in progress, without streams and long polls.",
            (),
            lambda: [((), sum(not request.is_stream for request in self.active_requests))],
        )
        self.request_duration = self.histogram(
            "http_server_request_duration_seconds",
            "Requests by route and class of status, without streams and long polls.",
            ("method", "route", "status"),
        )
        self.sidecar_call_duration = self.histogram(
            "microgram_sidecar_call_duration_seconds",
            "Calls of the own sidecar, without long polls.",
            ("operation",),
        )
        self.sidecar_call_errors = self.counter(
            "microgram_sidecar_call_errors_total",
            "Calls of the own sidecar that it or what is behind it could not answer.",
            ("operation",),
        )
        self.events_handled = self.counter(
            "microgram_events_handled_total",
            "Events by what became of them: ok, repeated, retried, dead_lettered or dropped.",
            ("topic", "result"),
        )
        self.event_age = self.histogram(
            "microgram_event_age_seconds",
            "Time from the commit of a change until its event is handled the first time.",
            ("topic",),
            AGE_BUCKETS,
        )
        self.events_fetched = self.counter(
            "microgram_events_fetched_total",
            "Events that the broker did not deliver, fetched from their producer.",
            ("topic",),
        )
        self._caches: dict[str, list[CountedCache]] = {}
        self.read_counter(
            "microgram_cache_requests_total",
            "Reads of caches in memory.",
            ("cache", "result"),
            self._read_caches,
        )

    def measure_cache(self, name: str, cache: CountedCache) -> None:
        """Count the hits and misses of a cache. Caches with one name count as one."""
        self._caches.setdefault(name, []).append(cache)

    def _read_caches(self) -> Samples:
        for name, caches in self._caches.items():
            yield (name, "hit"), sum(cache.hits for cache in caches)
            yield (name, "miss"), sum(cache.misses for cache in caches)

    # ── definitions ─────────────────────────────────────────────────────────────────────────

    def counter(self, name: str, meaning: str, labels: Labels = ()) -> LabelledMetric[Counter]:
        """A counter. Its name ends in `_total`."""
        self._define(name, "counter", labels, meaning)
        return LabelledMetric(Counter(name, meaning, labels, registry=self.registry))

    def histogram(
        self, name: str, meaning: str, labels: Labels, buckets: tuple[float, ...] = LATENCY_BUCKETS
    ) -> LabelledMetric[Histogram]:
        """A histogram of seconds."""
        self._define(name, "histogram", labels, meaning)
        metric = Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)
        return LabelledMetric(metric)

    def gauge(self, name: str, meaning: str, labels: Labels, read: Callable[[], Samples]) -> None:
        """A gauge that is read when somebody scrapes. `read` makes no call, and is fast."""
        self._define(name, "gauge", labels, meaning)
        self.registry.register(_ReadMetric(GaugeMetricFamily, name, meaning, labels, read))

    def read_counter(
        self, name: str, meaning: str, labels: Labels, read: Callable[[], Samples]
    ) -> None:
        """A counter that is kept elsewhere, and read when somebody scrapes."""
        self._define(name, "counter", labels, meaning)
        self.registry.register(_ReadMetric(CounterMetricFamily, name, meaning, labels, read))

    def _define(self, name: str, kind: Kind, labels: Labels, meaning: str) -> None:
        self.definitions.append(MetricDefinition(name, kind, labels, meaning))

    # ── what is scraped ─────────────────────────────────────────────────────────────────────

    def text(self) -> bytes:
        """All values, in the text format of Prometheus."""
        return prometheus_client.generate_latest(self.registry)


class _ReadMetric(Collector):
    """A metric whose values are read at each scrape."""

    def __init__(
        self,
        family: type[GaugeMetricFamily] | type[CounterMetricFamily],
        name: str,
        meaning: str,
        labels: Labels,
        read: Callable[[], Samples],
    ) -> None:
        self._new: Callable[[], GaugeMetricFamily | CounterMetricFamily] = lambda: family(
            name, meaning, labels=labels
        )
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """The metric without values, so that a name cannot be registered twice."""
        yield self._new()

    def collect(self) -> Iterator[Metric]:
        """The metric with its present values."""
        metric = self._new()
        for labels, value in self._read():
            metric.add_metric(labels, value)
        yield metric


class RequestRecord:
    """What the rest of the app tells the measurement of a request: it is in the request's scope.

    Middleware copies scopes, and all copies share it.
    """

    __slots__ = ("is_stream", "route")

    KEY = "microgram.request"

    def __init__(self) -> None:
        self.route = UNMATCHED
        """The path template of its route."""
        self.is_stream = False
        """Whether it lasts as long as somebody wants: its duration says nothing."""


UNMATCHED = "unmatched"
"""The route of requests that no route answered: all unknown paths are one."""


def mark_as_stream(scope: MutableMapping[str, Any]) -> None:
    """Leave a request out of the durations, given its ASGI scope: it lasts as long as it wants."""
    record: RequestRecord | None = scope.get(RequestRecord.KEY)
    if record is not None:
        record.is_stream = True
