"""The JSON API: the answers of `queries`, as JSON, or as NDJSON with `?follow=true`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from tools.dashboard.archive import create_archive, exported_name, take_snapshot
from tools.dashboard.collect.log_lines import LEVELS
from tools.dashboard.queries import dapr, traces
from tools.dashboard.queries.logs import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    LogFilter,
    follow_logs,
    list_logs,
    log_row,
)
from tools.dashboard.queries.map import read_map
from tools.dashboard.queries.metrics import read_metrics
from tools.dashboard.queries.resources import change_resource, list_resources
from tools.dashboard.queries.traces import TraceFilter
from tools.dashboard.sources import Sources

MAX_REPLICAS = 50


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


_MAX_NUMBER = 1e12
"""Of any parameter: a time in seconds, a duration in milliseconds, a count."""


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
        found = float(text) if text else None
    except ValueError:
        found = math.nan
    if found is not None and not abs(found) <= _MAX_NUMBER:  # nan is not, either
        raise HTTPException(400, f"{name} is not a number, or too large")
    return found


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


async def _map(request: Request) -> Response:
    return JsonAnswer(await read_map(sources_of(request)))


async def _metrics(request: Request) -> Response:
    given = request.query_params
    metric, service = given.get("metric", ""), given.get("service", "")
    return JsonAnswer({"series": await read_metrics(sources_of(request), metric, service)})


_DAPR: dict[str, Callable[[Sources], Awaitable[Any]]] = {
    "components": dapr.list_components,
    "subscriptions": dapr.list_subscriptions,
    "dead-letters": dapr.list_dead_letters,
    "flows": dapr.list_flows,
    "outbox": dapr.list_outbox,
    "workflows": dapr.list_workflows,
}


async def _dapr(request: Request) -> Response:
    read = _DAPR.get(request.path_params["what"])
    if read is None:
        raise HTTPException(404, f"there is only {', '.join(_DAPR)}")
    found = await read(sources_of(request))
    return JsonAnswer({"rows": found} if isinstance(found, tuple) else found)


async def _change(request: Request) -> Response:
    name, order = request.path_params["name"], request.path_params["order"]
    count = _number(request, "count")
    if order == "scale" and (count is None or not 1 <= count <= MAX_REPLICAS):
        raise HTTPException(400, f"count is from 1 to {MAX_REPLICAS}")
    return JsonAnswer(await change_resource(sources_of(request), name, order, int(count or 1)))


async def _replay(request: Request) -> Response:
    service = request.path_params["service"]
    return JsonAnswer(await dapr.replay_dead_letters(sources_of(request), service))


_exporting = asyncio.Lock()
"""An export takes processor time and disk: one after the other."""


async def _export(request: Request) -> Response:
    sources = sources_of(request)
    sources.require_running()
    async with _exporting:
        snapshot = await take_snapshot(sources)
        target = await asyncio.to_thread(create_archive, sources, snapshot)
    done = BackgroundTask(target.unlink, missing_ok=True)
    return FileResponse(target, filename=exported_name(), background=done)


ROUTES = [
    Route("/api/resources", _resources),
    Route("/api/logs", _logs),
    Route("/api/traces", _traces),
    Route("/api/traces/{trace_id}", _trace),
    Route("/api/map", _map),
    Route("/api/metrics", _metrics),
    Route("/api/dapr/{what}", _dapr),
    Route("/api/resources/{name}/{order}", _change, methods=["POST"]),
    Route("/api/dapr/dead-letters/{service}/replay", _replay, methods=["POST"]),
    Route("/export.zip", _export),
]
