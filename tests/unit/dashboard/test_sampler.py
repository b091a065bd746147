from __future__ import annotations

import itertools

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tests.unit.dashboard.fake_system import METRICS_TOKEN, fake_system
from tools.dashboard.collect.metric_text import increase, quantile, read_values
from tools.dashboard.collect.sampler import MetricSampler
from tools.dashboard.queries.dapr import FlowRow, OutboxRow, list_flows, list_outbox
from tools.dashboard.queries.metrics import MetricSeries, read_metrics
from tools.dashboard.sources import Sources
from tools.dashboard.stores.samples import Sample


class Service:
    """The metrics of a service, as prometheus-client writes them."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Histogram(
            "http_server_request_duration_seconds",
            "d",
            ["method", "route", "status"],
            registry=registry,
            buckets=(0.1, 0.2, 1.0),
        )
        handled = "microgram_events_handled_total"
        self.handled = Counter(handled, "d", ["topic", "result"], registry=registry)
        self.lag = Gauge("microgram_event_lag", "d", ["topic", "producer"], registry=registry)
        age = "microgram_outbox_oldest_age_seconds"
        self.age = Gauge(age, "d", ["topic"], registry=registry)
        self.pending = Gauge("microgram_outbox_pending", "d", ["topic"], registry=registry)

    @property
    def text(self) -> str:
        return generate_latest(self.registry).decode()


def values(series: tuple[MetricSeries, ...]) -> dict[tuple[str, str], list[float]]:
    return {(each.metric, each.label): [value for _, value in each.points] for each in series}


async def test_rates_lags_and_latencies_are_sampled_with_the_token(
    sources: Sources,
) -> None:
    service, seconds = Service(), itertools.count(1_000.0, 10.0)
    async with fake_system(sources.run) as system:
        sampler = MetricSampler(
            sources.run, sources.runner, sources.samples, now=lambda: next(seconds)
        )
        for _ in range(2):
            for number in range(40):
                service.requests.labels("GET", f"/{number % 3}", "2xx").observe(0.15)
            service.requests.labels("GET", "/", "5xx").observe(0.15)
            service.handled.labels("users", "ok").inc(10)
            service.handled.labels("users", "retried").inc(2)
            service.lag.labels("users", "users").set(3)
            service.lag.labels("users", "users.2").set(4)
            service.pending.labels("posts").set(5)
            service.age.labels("posts").set(1.5)
            system.answers["GET", "/metrics"] = service.text
            await sampler.sample()
    assert {headers["authorization"] for _, headers in system.asked} == {f"Bearer {METRICS_TOKEN}"}
    found = values(await read_metrics(sources))
    (requests,), (errors,) = found["requests", "posts"], found["errors", "posts"]
    assert requests == pytest.approx(41 * errors)
    assert found["latency_p95", "posts"] == [pytest.approx(0.195)]
    assert found["event_lag", "posts users"] == [7, 7]
    assert found["cpu", "posts"] == [0.025, 0.025]
    assert found["memory", "posts"] == [70_000_000, 70_000_000]
    assert values(await read_metrics(sources, "event_lag", "feed")) == {}
    (flow,) = await list_flows(sources)
    assert flow.not_ok_per_second == pytest.approx(flow.handled_per_second / 6)
    rates = flow.handled_per_second, flow.not_ok_per_second
    assert flow == FlowRow("users", "posts", 7, *rates, None)
    assert await list_outbox(sources) == (OutboxRow("posts", "posts", 5, 1.5),)


async def test_a_service_that_does_not_answer_is_left_out(sources: Sources) -> None:
    sampler = MetricSampler(sources.run, sources.runner, sources.samples)
    await sampler.sample()  # no runner
    assert sources.samples.rounds() == []
    async with fake_system(sources.run):
        await sampler.sample()  # no route for metrics
    assert {each.metric for each in sources.samples.rounds()[0].samples} == {"cpu", "memory"}


def test_samples_are_kept_for_an_hour_over_restarts(sources: Sources) -> None:
    for number in range(600):
        sources.samples.add(1_000.0 + number * 15, [Sample("cpu", "posts", "", number)])
    sources.close()
    again = Sources.create(sources.settings).samples.rounds()
    assert [again[0].samples[0].value, again[-1].samples[0].value] == [359, 599]
    assert len(again) == 241


def test_the_text_format_is_read_as_prometheus_writes_it() -> None:
    service = Service()
    service.lag.labels('a"b\\c', "x").set(2.5)
    service.lag.labels("other", "x").set(float("inf"))
    found = read_values(service.text, {"microgram_event_lag": ("topic",)})
    assert found == {"microgram_event_lag": {('a\\"b\\\\c',): 2.5, ("other",): float("inf")}}
    assert read_values("# HELP x\n\nx 1\nx_more 2\n", {"x": ()}) == {"x": {(): 1.0}}


def test_a_counter_that_began_anew_counts_from_zero() -> None:
    assert increase({("a",): 5.0, ("b",): 2.0}, {("a",): 3.0, ("b",): 9.0}) == {
        ("a",): 2.0,
        ("b",): 2.0,
    }


def test_quantiles_are_interpolated_and_bounded() -> None:
    buckets = [(0.1, 0.0), (0.2, 10.0), (float("inf"), 10.0)]
    assert quantile(0.5, buckets) == pytest.approx(0.15)
    assert quantile(0.99, [(0.1, 0.0), (float("inf"), 4.0)]) == 0.1
    assert quantile(0.95, [(0.1, 0.0), (float("inf"), 0.0)]) is None
    assert quantile(0.95, []) is None
