"""Log entries of all processes, merged by time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from tools.dashboard.collect.log_lines import LEVELS, LogEntry
from tools.dashboard.collect.log_reader import (
    LogFollower,
    Prefilter,
    Scan,
    newest_first,
    processes,
)
from tools.dashboard.sources import Sources

DEFAULT_LIMIT = 200
MAX_LIMIT = 5_000

MAX_SCAN_SECONDS = 2.0
"""How long one request searches. What is older is left out, and `is_complete` is False."""

FOLLOW_INTERVAL = 0.5

TRACE_MARGIN = 60.0
"""Seconds before and after a trace in which its lines are looked for."""

_NOT_ROUTINE = re.compile(rb"(?i)warn|wrn|err|crit|fatal|ftl|panic|exception|traceback| # ")


@dataclass(frozen=True)
class LogFilter:
    """Which entries are wanted; an empty value means any.

    `service` is a service with its replicas and sidecars (`posts`), or one process
    (`posts.daprd`, `nats`); `level` the lowest level; `text` is compared without case with the
    whole line; `trace` is a trace id; `since` and `until` are in seconds since 1970.
    """

    service: str = ""
    level: str = ""
    text: str = ""
    trace: str = ""
    since: float | None = None
    until: float | None = None
    limit: int = DEFAULT_LIMIT

    def is_chosen(self, process: str) -> bool:
        """Return whether entries of a process are wanted."""
        return not self.service or self.service in (process, process.split(".")[0])

    def matches(self, entry: LogEntry) -> bool:
        """Return whether an entry, of a line that can match, is wanted."""
        if self.level and LEVELS.index(entry.level) < LEVELS.index(self.level):
            return False
        if self.since is not None and entry.at < self.since:
            return False
        return self.until is None or entry.at < self.until


@dataclass(frozen=True)
class LogPage:
    """Entries, oldest first; whether all logs were searched, or only their newest part."""

    entries: tuple[LogEntry, ...]
    is_complete: bool


async def list_logs(sources: Sources, wanted: LogFilter) -> LogPage:
    """Return the newest entries that match. Reads bounded parts of the files, in a thread."""
    return await asyncio.to_thread(read_logs, sources, wanted)


def read_logs(sources: Sources, wanted: LogFilter) -> LogPage:
    """Return the newest entries that match."""
    wanted = _within_trace(sources, wanted)
    deadline = time.monotonic() + MAX_SCAN_SECONDS
    logs, scan = sources.run.logs, Scan(wanted.until, wanted.since, deadline)
    chosen = [name for name in processes(logs) if wanted.is_chosen(name)]
    found: list[LogEntry] = []
    limit = min(wanted.limit, MAX_LIMIT)
    for entry in newest_first(logs, chosen, prefilter(wanted), scan):
        if wanted.matches(entry):
            found.append(entry)
        if len(found) > limit:
            break
    has_more = len(found) > limit
    return LogPage(tuple(reversed(found[:limit])), scan.is_complete and not has_more)


def _within_trace(sources: Sources, wanted: LogFilter) -> LogFilter:
    """Look for the lines of a known trace around its time only."""
    if not wanted.trace or wanted.since is not None or wanted.until is not None:
        return wanted
    record = sources.spans.trace(wanted.trace)
    if record is None:
        return wanted
    margin = TRACE_MARGIN
    since, until = record.start_ns / 1e9 - margin, record.end_ns / 1e9 + margin
    return replace(wanted, since=since, until=until)


async def follow_logs(sources: Sources, wanted: LogFilter) -> AsyncIterator[LogEntry]:
    """Yield the newest entries that match, then new ones as they are written, without an end."""
    follower = LogFollower(sources.run.logs, wanted.is_chosen)
    known = (await list_logs(sources, wanted)).entries
    for entry in known:
        yield entry
    is_wanted = entry_filter(wanted)
    while True:
        for entry in await asyncio.to_thread(follower.read):
            if is_wanted(entry) and entry not in known:
                yield entry
        known = ()  # only the first round may repeat what was listed
        await asyncio.sleep(FOLLOW_INTERVAL)


def log_row(entry: LogEntry) -> dict[str, Any]:
    """Return the JSON object of an entry."""
    return {"time": entry.time, "service": entry.service} | asdict(entry)


def prefilter(wanted: LogFilter) -> Prefilter:
    """Return a test of raw lines, so that most lines need not be parsed."""
    trace, text = wanted.trace.encode(), wanted.text.lower().encode()
    is_severe = wanted.level in LEVELS[2:]

    def can_match(line: bytes) -> bool:
        if trace and trace not in line:
            return False
        if text and text not in line.lower():
            return False
        return not is_severe or _NOT_ROUTINE.search(line) is not None

    return can_match


def entry_filter(wanted: LogFilter) -> Callable[[LogEntry], bool]:
    """Return a test of entries that are already parsed."""
    text = wanted.text.lower()

    def is_wanted(entry: LogEntry) -> bool:
        if wanted.trace and wanted.trace != entry.trace_id:
            return False
        if text and text not in f"{entry.message} {entry.fields}".lower():
            return False
        return wanted.matches(entry)

    return is_wanted
