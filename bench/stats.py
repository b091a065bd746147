"""Percentiles of latencies, and numbers as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile by nearest rank; NaN without values."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the median; NaN without values."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


@dataclass(frozen=True)
class Latency:
    """Latencies in milliseconds."""

    p50: float
    p90: float
    p99: float
    worst: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Latency:
        """Compute the percentiles of latencies in any order."""
        ordered = sorted(milliseconds)
        p50, p90, p99 = (percentile(ordered, share) for share in (0.5, 0.9, 0.99))
        return cls(p50, p90, p99, ordered[-1] if ordered else math.nan)


def format_number(value: float | None, digits: int = 2) -> str:
    """Return a number as text; a dash for none."""
    return "-" if value is None or value != value else f"{value:,.{digits}f}"
