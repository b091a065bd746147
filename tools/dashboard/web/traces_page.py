"""The pages of the traces: a list with filters, and the waterfall of one trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tools.dashboard.api import sources_of, trace_filter
from tools.dashboard.collect.log_reader import processes
from tools.dashboard.queries.traces import (
    SpanRow,
    TraceFilter,
    TraceTree,
    list_traces,
    read_trace,
)
from tools.dashboard.web.logs_page import as_text, logs_address
from tools.dashboard.web.renderer import DashboardRenderer

_TICKS = 5
_MAX_INDENT = 12
"""Levels that are indented; deeper spans stand below one another."""
_LEAST_WIDTH = 0.3
"""Percent of the whole that the shortest span is wide."""


@dataclass(frozen=True)
class WaterfallRow:
    """A span and its bar, in percent of the whole trace."""

    span: SpanRow
    left: float
    width: float
    indent: int
    attributes: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, str], ...]
    logs: str


async def show_traces(pages: DashboardRenderer, request: Request) -> Response:
    """The newest traces that match the filter."""
    wanted = trace_filter(request)
    sources = sources_of(request)
    found = await list_traces(sources, wanted)
    return pages.render(
        request,
        "traces",
        here="traces",
        query=wanted,
        traces=found,
        longest=max((trace.duration_ms for trace in found), default=0.0),
        services=sorted({name.split(".")[0] for name in processes(sources.run.logs)}),
        is_filtered=wanted != TraceFilter(limit=wanted.limit),
    )


async def show_trace(pages: DashboardRenderer, request: Request) -> Response:
    """One trace."""
    trace_id = request.path_params["trace_id"]
    found = await read_trace(sources_of(request), trace_id)
    if found is None:
        raise HTTPException(404, f"No spans of the trace {trace_id[:64]} are kept. It may be old.")
    return pages.render(
        request,
        "trace",
        here="traces",
        trace=found,
        rows=list(waterfall(found)),
        ticks=ticks(total_ms(found)),
        services=sorted({span.service for span in found.spans}),
        logs=logs_address(trace=found.summary.trace_id),
    )


def total_ms(trace: TraceTree) -> float:
    """Return the time from the first begin to the last end of a trace's spans."""
    ends = [span.start_ms + span.duration_ms for span in trace.spans]
    return max([trace.summary.duration_ms, *ends])


def waterfall(trace: TraceTree) -> Iterator[WaterfallRow]:
    """Yield the rows of a trace, with the place of each bar in percent."""
    whole = max(total_ms(trace), 0.001)
    for span in trace.spans:
        left = min(100 * max(span.start_ms, 0.0) / whole, 100 - _LEAST_WIDTH)
        width = max(100 * span.duration_ms / whole, _LEAST_WIDTH)
        yield WaterfallRow(
            span,
            round(left, 3),
            round(min(width, 100 - left), 3),
            min(span.depth, _MAX_INDENT),
            _attributes(span),
            tuple(_events(span)),
            logs_address(service=span.service, trace=trace.summary.trace_id),
        )


def ticks(whole: float) -> Sequence[float]:
    """Return the times below the bars, in milliseconds."""
    return [whole * number / (_TICKS - 1) for number in range(_TICKS)]


def _attributes(span: SpanRow) -> tuple[tuple[str, str], ...]:
    return tuple((name, as_text(value)) for name, value in sorted(span.attributes.items()))


def _events(span: SpanRow) -> Iterator[tuple[str, str]]:
    for event in span.events:
        others = {name: value for name, value in event.items() if name != "name"}
        yield str(event.get("name", "event")), as_text(others)
