"""The metrics of all services: their names and labels, and that docs/observability.md has them."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from services.chassis.metrics import MetricDefinition
from services.chassis.service import Service
from tests.fakes import FakeCluster
from tools.contracts.__main__ import SERVICES, settings_of

PAGE = Path("docs/observability.md")
LABELS = {
    *("method", "route", "status", "operation", "topic", "result", "producer"),
    *("work", "cache", "kind", "state", "limit"),
}
"""What may be a label: each has as many values as the code or services/access.yaml names. Never
the id of anything, a path, an address or a text."""

UNITS = ("_seconds", "_bytes", "_total")
COUNTS = {
    "http_server_active_requests",
    "microgram_event_lag",
    "microgram_outbox_pending",
    "microgram_dead_letters",
    "microgram_background_work_failing",
    "microgram_streams_open",
    "microgram_orders_open",
    "microgram_ledger_imbalance",
    "microgram_ledger_faulty_payments",
    "microgram_stock_disagreements",
}
"""Gauges without a unit: numbers of things, and minor units of money."""


@cache
def defined() -> dict[str, tuple[MetricDefinition, ...]]:
    """The metrics of each service."""
    found = {}
    for name in SERVICES:
        module = importlib.import_module(f"services.{name}.app")
        service = Service(settings_of(module, name), FakeCluster().sidecar(name))
        module.create_app(service)
        found[name] = tuple(service.metrics.definitions)
    return found


def everything() -> dict[str, MetricDefinition]:
    """The metrics of all services, by name."""
    return {metric.name: metric for metrics in defined().values() for metric in metrics}


def test_a_name_means_the_same_in_every_service() -> None:
    for name, metrics in defined().items():
        for metric in metrics:
            assert everything()[metric.name] == metric, name
        assert len({metric.name for metric in metrics}) == len(metrics)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_the_metrics_of_its_parts(name: str) -> None:
    names = {metric.name for metric in defined()[name]}
    assert names >= {
        "http_server_request_duration_seconds",
        "microgram_sidecar_call_duration_seconds",
        "microgram_background_work_failing",
        "microgram_events_handled_total",
    }
    assert ("microgram_streams_open" in names) == (name == "gateway")
    assert ("microgram_orders_open" in names) == (name == "orders")
    assert ("microgram_ledger_imbalance" in names) == (name == "payments")
    assert ("microgram_stock_disagreements" in names) == (name == "catalog")
    assert ("microgram_dead_letters" in names) == ("microgram_event_lag" in names)


def test_names_have_their_prefix_and_unit() -> None:
    for name, metric in everything().items():
        assert re.fullmatch(r"(microgram|http_server)(_[a-z]+)+", name), name
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert name.endswith(UNITS) or name in COUNTS, name
        assert metric.kind != "histogram" or name.endswith("_seconds"), name
        assert metric.meaning.endswith("."), name


def test_labels_have_few_values_and_plain_names() -> None:
    for name, metric in everything().items():
        assert set(metric.labels) <= LABELS, name
        assert len(metric.labels) <= 3, name


def test_the_page_lists_exactly_the_metrics_of_the_code() -> None:
    section = PAGE.read_text().partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$", section, re.MULTILINE)
    page = {name: (kind, labels.strip(), meaning.strip()) for name, kind, labels, meaning in rows}
    code = {
        name: (metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
        for name, metric in everything().items()
    }
    assert {name: row[:2] for name, row in page.items()} == {
        name: row[:2] for name, row in code.items()
    }
    for name, row in page.items():
        assert row[2].startswith(code[name][2].rstrip(".")), name
