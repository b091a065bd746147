"""Measurements and results that tests compute with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.fanout import FanOutResult
from bench.measurement import Measurement
from bench.metrics import IdleRates, ServerResults, compute_floors, compute_metrics

IDLE = IdleRates({"gateway": 0.01, "sidecars": 0.02}, {"state": 10.0})


def cell(kind: str, count: int, in_flight: int = 1, state: float = 0.0) -> Measurement:
    """Ten seconds, five of them of processor time."""
    return Measurement(
        kind=kind,
        in_flight=in_flight,
        seconds=10.0,
        observed=10.0,
        took=[n / count / 2 for n in range(1, count + 1)],
        cpu={"gateway": 2.0, "sidecars": 3.0},
        calls={"state": state},
        own_cpu=0.5,
    )


def fan_out(seconds: float = 0.08, missing: int = 0) -> FanOutResult:
    return FanOutResult(
        acknowledged=seconds / 4,
        median=seconds / 3,
        sampled=seconds / 2,
        proven=seconds,
        missing=missing,
    )


def results(cells: Sequence[Measurement], **changed: Any) -> ServerResults:
    """The results of a server with some cells."""
    idle = changed.pop("idle", IDLE)
    fields: dict[str, Any] = {
        "url": "http://127.0.0.1:8080",
        "phases": {"follows": {"count": 37_624, "seconds": 100.0}},
        "rows": compute_metrics(cells, idle, compute_floors(cells, idle)),
        "idle": idle,
        "memory": {"started": {"gateway": 50.0}, "measured": {"gateway": 90.0, "sidecars": 810.0}},
        "fan_outs": [fan_out()],
        "wrong_homes": 0,
    }
    return ServerResults(**fields | changed)
