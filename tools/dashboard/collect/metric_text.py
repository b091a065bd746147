"""Reads the text format of Prometheus: only some metrics, added up over the other labels.

The parser of prometheus-client takes ten times as long, and this runs every few seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Values = dict[tuple[str, ...], float]
"""The values of a metric by those of the wanted labels."""


def read_values(text: str, wanted: Mapping[str, Sequence[str]]) -> dict[str, Values]:
    """Return the wanted metrics, by name, each with the labels that are named there.

    Series that differ in other labels only are added up.
    """
    found: dict[str, Values] = {}
    for line in text.splitlines():
        name = line[: min(line.find("{") % 10_000, line.find(" ") % 10_000)]
        labels = wanted.get(name)
        if labels is None:
            continue
        series, _, value = line.rpartition(" ")
        given = dict(_LABEL.findall(series)) if labels else {}
        key = tuple(given.get(label, "") for label in labels)
        values = found.setdefault(name, {})
        values[key] = values.get(key, 0.0) + float(value)
    return found


def increase(now: Values, before: Values) -> Values:
    """Return by how much counters grew; one that is smaller than before began anew at 0."""
    grown = {key: value - before.get(key, 0.0) for key, value in now.items()}
    return {key: now[key] if delta < 0 else delta for key, delta in grown.items()}


def quantile(share: float, buckets: Iterable[tuple[float, float]]) -> float | None:
    """Return a quantile of cumulative buckets (upper bound, count), or None for no observation.

    It is interpolated within its bucket, as Prometheus does; beyond the last bound it is that one.
    """
    ordered = sorted(buckets)
    total = ordered[-1][1] if ordered else 0.0
    if total <= 0:
        return None
    rank, lower, below = share * total, 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / max(count - below, 1e-9)
        lower, below = bound, count
    return lower
