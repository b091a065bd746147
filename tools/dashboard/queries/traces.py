"""Traces: a list with filters, and one trace as a tree with self times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.dashboard.sources import Sources

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000


@dataclass(frozen=True)
class TraceFilter:
    """Which traces are wanted; an empty value means any.

    `service` takes part in the trace; `text` is in the name of a span or among its attributes,
    without case; `min_ms` is the shortest duration of the whole trace; `errors`: only with errors.
    """

    service: str = ""
    text: str = ""
    min_ms: float = 0.0
    errors: bool = False
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True)
class TraceSummary:
    """A trace in a list. `at` is its begin in seconds since 1970."""

    trace_id: str
    at: float
    duration_ms: float
    name: str
    """Of its first span."""
    service: str
    spans: int
    errors: int
    services: tuple[str, ...]


@dataclass(frozen=True)
class SpanRow:
    """A span in the tree of its trace."""

    span_id: str
    parent_id: str
    depth: int
    name: str
    service: str
    instance: str
    kind: str
    """`service` or `sidecar`."""
    role: str
    """`server`, `client`, `producer`, `consumer` or `internal`."""
    start_ms: float
    """After the begin of the trace."""
    duration_ms: float
    self_ms: float
    """Its duration without the time that its children cover."""
    is_error: bool
    message: str
    """The description of its status."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TraceTree:
    """A trace: its spans in the order of the tree, a parent before its children."""

    summary: TraceSummary
    spans: tuple[SpanRow, ...]
    is_complete: bool
    """False if it has more spans than are shown."""


async def list_traces(sources: Sources, wanted: TraceFilter) -> tuple[TraceSummary, ...]:
    """Return the newest traces that match, newest first."""
    raise NotImplementedError


async def read_trace(sources: Sources, trace_id: str) -> TraceTree | None:
    """Return one trace, or None if it is not known."""
    raise NotImplementedError


def follow_traces(sources: Sources, wanted: TraceFilter) -> AsyncIterator[TraceSummary]:
    """Yield traces that match as their spans arrive, without an end; a trace may come again."""
    raise NotImplementedError
