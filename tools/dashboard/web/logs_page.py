"""The page of the logs: one line for each entry, which opens its fields."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tools.dashboard.api import log_filter, sources_of
from tools.dashboard.collect.log_lines import LEVELS, LogEntry
from tools.dashboard.collect.log_reader import processes
from tools.dashboard.queries.logs import LogFilter, list_logs
from tools.dashboard.web.renderer import DashboardRenderer

_TONES = {"error": "wrong", "critical": "wrong", "warning": "warn", "debug": "soft"}


@dataclass(frozen=True)
class LogLine:
    """An entry as it is shown. `key` is the same each time, and of no other line of the page."""

    key: str
    at: float
    process: str
    level: str
    tone: str
    message: str
    trace_id: str
    fields: tuple[tuple[str, str], ...]


async def show_logs(pages: DashboardRenderer, request: Request) -> Response:
    """The newest entries that match the filter; of a trace, all of them, oldest first."""
    wanted = log_filter(request)
    sources = sources_of(request)
    found = await list_logs(sources, wanted)
    lines = list(_lines(found.entries))
    return pages.render(
        request,
        "logs",
        here="logs",
        query=wanted,
        entries=lines if wanted.trace else lines[::-1],
        services=_services(processes(sources.run.logs)),
        levels=LEVELS,
        is_filtered=any((wanted.service, wanted.level, wanted.text, wanted.trace)),
        is_complete=found.is_complete or len(lines) >= wanted.limit,
        links=_addresses(wanted, found.entries),
    )


def logs_address(**wanted: object) -> str:
    """Return the address of the logs with a filter."""
    return f"/logs?{urlencode({name: value for name, value in wanted.items() if value})}"


def _addresses(wanted: LogFilter, entries: Sequence[LogEntry]) -> dict[str, str]:
    """Return the addresses of the older lines, if there may be some, and of the newest ones."""
    chosen = {name: getattr(wanted, name) for name in ("service", "level", "text", "trace")}
    has_older = len(entries) >= wanted.limit
    return {
        "older": logs_address(**chosen, until=f"{entries[0].at:.6f}") if has_older else "",
        "newest": logs_address(**chosen) if wanted.until is not None else "",
    }


def _services(names: list[str]) -> list[str]:
    """Return what can be chosen: each service with all its processes, then each process."""
    groups = dict.fromkeys(name.split(".")[0] for name in names)
    return sorted({*groups, *names})


def _lines(entries: tuple[LogEntry, ...]) -> Iterator[LogLine]:
    times: dict[str, int] = {}
    for entry in entries:
        key = f"{entry.at:.6f}-{zlib.crc32(f'{entry.process} {entry.message}'.encode()):08x}"
        times[key] = times.get(key, 0) + 1
        yield LogLine(
            f"{key}-{times[key]}",
            entry.at,
            entry.process,
            entry.level,
            _TONES.get(entry.level, ""),
            entry.message,
            entry.trace_id,
            tuple(_fields(entry)),
        )


def _fields(entry: LogEntry) -> Iterator[tuple[str, str]]:
    for name, value in (("logger", entry.logger), ("trace_id", entry.trace_id)):
        if value:
            yield name, value
    for name, value in entry.fields.items():
        yield name, as_text(value)


def as_text(value: Any) -> str:
    """Return a value as people read it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
