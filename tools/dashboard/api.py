"""The JSON API: the answers of `queries`, as JSON, or as NDJSON with `?follow=true`."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tools.dashboard.collect.log_lines import LEVELS, LogEntry
from tools.dashboard.queries import traces
from tools.dashboard.queries.logs import DEFAULT_LIMIT, MAX_LIMIT, LogFilter, follow_logs, list_logs
from tools.dashboard.queries.resources import list_resources
from tools.dashboard.queries.traces import TraceFilter
from tools.dashboard.sources import Sources


class JsonAnswer(Response):
    """Dataclasses as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=to_plain, option=orjson.OPT_NON_STR_KEYS)


def to_plain(value: Any) -> Any:
    """Return what orjson cannot render by itself."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def sources_of(request: Request) -> Sources:
    """Return the sources of the dashboard that a request came to."""
    found: Sources = request.app.state.sources
    return found


def log_filter(request: Request) -> LogFilter:
    """Return the filter of a query string. Raises HTTPException 400 for an invalid one."""
    given = request.query_params
    level = given.get("level", "")
    if level and level not in LEVELS:
        raise HTTPException(400, f"level is one of {', '.join(LEVELS)}")
    return LogFilter(
        given.get("service", ""),
        level,
        given.get("text", "")[:200],
        given.get("trace", "")[:64],
        _number(request, "since"),
        _number(request, "until"),
        limit_of(request, DEFAULT_LIMIT, MAX_LIMIT),
    )


def limit_of(request: Request, default: int, maximum: int) -> int:
    """Return `?limit=`. Raises HTTPException 400 for an invalid one."""
    found = _number(request, "limit")
    return default if found is None else max(1, min(int(found), maximum))


def _number(request: Request, name: str) -> float | None:
    text = request.query_params.get(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise HTTPException(400, f"{name} is not a number") from None


def log_row(entry: LogEntry) -> dict[str, Any]:
    """Return the JSON object of a log entry."""
    return {"time": entry.time, "service": entry.service} | dataclasses.asdict(entry)


async def _resources(request: Request) -> Response:
    return JsonAnswer(await list_resources(sources_of(request)))


async def _logs(request: Request) -> Response:
    wanted = log_filter(request)
    if wants_to_follow(request):
        entries = follow_logs(sources_of(request), wanted)
        return ndjson(log_row(entry) async for entry in entries)
    page = await list_logs(sources_of(request), wanted)
    entries_found = [log_row(entry) for entry in page.entries]
    return JsonAnswer({"entries": entries_found, "is_complete": page.is_complete})


def wants_to_follow(request: Request) -> bool:
    """Return whether the answer is to go on."""
    return request.query_params.get("follow", "") in ("true", "1")


def ndjson(rows: AsyncIterator[Any]) -> Response:
    """Return an answer without an end, one JSON object a line."""

    async def lines() -> AsyncIterator[bytes]:
        async for row in rows:
            yield orjson.dumps(row, default=to_plain, option=orjson.OPT_APPEND_NEWLINE)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def trace_filter(request: Request) -> TraceFilter:
    """Return the filter of a query string. Raises HTTPException 400 for an invalid one."""
    given = request.query_params
    return TraceFilter(
        given.get("service", ""),
        given.get("text", "")[:200],
        _number(request, "min_ms") or 0.0,
        given.get("errors", "") in ("true", "1"),
        limit_of(request, traces.DEFAULT_LIMIT, traces.MAX_LIMIT),
    )


async def _traces(request: Request) -> Response:
    wanted = trace_filter(request)
    if wants_to_follow(request):
        return ndjson(traces.follow_traces(sources_of(request), wanted))
    return JsonAnswer({"traces": await traces.list_traces(sources_of(request), wanted)})


async def _trace(request: Request) -> Response:
    found = await traces.read_trace(sources_of(request), request.path_params["trace_id"])
    if found is None:
        raise HTTPException(404, "this trace is not known")
    return JsonAnswer(found)


ROUTES = [
    Route("/api/resources", _resources),
    Route("/api/logs", _logs),
    Route("/api/traces", _traces),
    Route("/api/traces/{trace_id}", _trace),
]
