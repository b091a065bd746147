"""The cost of metrics is measured."""

from __future__ import annotations

import pytest

from bench import metrics_cost


async def test_each_cost_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_cost, "_CALLS", 200)
    monkeypatch.setattr(metrics_cost, "_ROUNDS", 2)
    assert await metrics_cost.request_cost() < 10_000
    assert await metrics_cost.sidecar_call_cost() < 10_000
    milliseconds, lines = metrics_cost.scrape_cost()
    assert milliseconds > 0
    assert lines > 1_000
