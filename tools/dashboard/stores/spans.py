"""Spans in a ring on disk: the oldest traces are deleted when the file has its full size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from tools.dashboard.settings import MAX_SPANS_BYTES
from tools.dashboard.stores.database import TelemetryDatabase

FILE = "spans.db"

MAX_TRACE_SPANS = 5_000
"""Spans of one trace that are kept. Later ones are left out."""

_EVICTED_SHARE = 20
"""One of so many traces, the oldest, is deleted at a time."""

_VERSION = 1
_SCHEMA = """
CREATE TABLE spans (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL,
    service TEXT NOT NULL, instance TEXT NOT NULL, kind TEXT NOT NULL, role TEXT NOT NULL,
    name TEXT NOT NULL, destination TEXT NOT NULL,
    start_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL,
    is_error INTEGER NOT NULL, message TEXT NOT NULL,
    attributes TEXT NOT NULL, events TEXT NOT NULL
);
CREATE UNIQUE INDEX spans_of_trace ON spans (trace_id, span_id);
CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY,
    start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL,
    spans INTEGER NOT NULL, errors INTEGER NOT NULL, services TEXT NOT NULL
);
CREATE INDEX traces_by_start ON traces (start_ns);
"""


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span as it is stored."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    instance: str
    kind: str
    """`service` or `sidecar`."""
    role: str
    name: str
    destination: str
    """The topic of a message; empty for other spans."""
    start_ns: int
    duration_ns: int
    is_error: bool
    message: str
    attributes: str
    """A JSON object."""
    events: str
    """A JSON list."""


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """The summary of a trace."""

    trace_id: str
    start_ns: int
    end_ns: int
    name: str
    service: str
    spans: int
    errors: int
    services: str
    """Separated by commas."""


_COLUMNS = ", ".join(each.name for each in fields(SpanRecord))
_FEW_COLUMNS = _COLUMNS.replace("attributes, events", "'', ''")
_PLACES = ", ".join("?" for _ in fields(SpanRecord))
_TRACE_COLUMNS = ", ".join(each.name for each in fields(TraceRecord))
_SUMMARY = """
INSERT OR REPLACE INTO traces
SELECT trace_id, min(start_ns), max(start_ns + duration_ns),
    (SELECT name FROM spans WHERE trace_id = ?1 ORDER BY parent_id != '', start_ns LIMIT 1),
    (SELECT service FROM spans WHERE trace_id = ?1 ORDER BY parent_id != '', start_ns LIMIT 1),
    count(*), sum(is_error), group_concat(DISTINCT service)
FROM spans WHERE trace_id = ?1 GROUP BY trace_id
"""


class SpanStore:
    """The spans of one run directory."""

    def __init__(self, folder: Path, max_bytes: int = MAX_SPANS_BYTES) -> None:
        self.database = TelemetryDatabase(folder / FILE, _SCHEMA, _VERSION)
        self._max_bytes = max_bytes

    def add(self, spans: Sequence[SpanRecord]) -> None:
        """Store spans; one that is there already is left as it is. Raises sqlite3.Error."""
        if not spans:
            return
        with self.database.writing() as connection:
            insert = f"INSERT OR IGNORE INTO spans ({_COLUMNS}) VALUES ({_PLACES})"
            touched = list({span.trace_id for span in spans})
            room = {trace_id: MAX_TRACE_SPANS - self._count(trace_id) for trace_id in touched}
            connection.executemany(insert, (astuple(span) for span in _fitting(spans, room)))
            connection.executemany(_SUMMARY, ((trace_id,) for trace_id in touched))
        self._evict()

    def _count(self, trace_id: str) -> int:
        rows = self.database.query("SELECT spans FROM traces WHERE trace_id = ?", trace_id)
        return int(str(rows[0][0])) if rows else 0

    def _evict(self) -> None:
        """Delete the oldest traces until the file has room again."""
        while self.used_bytes() > self._max_bytes:
            with self.database.writing() as connection:
                count = connection.execute("SELECT count(*) FROM traces").fetchone()[0]
                if not count:
                    return
                oldest = connection.execute(
                    "SELECT trace_id FROM traces ORDER BY start_ns LIMIT ?",
                    (max(1, count // _EVICTED_SHARE),),
                ).fetchall()
                connection.executemany("DELETE FROM spans WHERE trace_id = ?", oldest)
                connection.executemany("DELETE FROM traces WHERE trace_id = ?", oldest)

    def used_bytes(self) -> int:
        """Return the size of the file without its free pages."""
        with self.database.writing() as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * size)

    def newest_traces(
        self,
        where: str = "1",
        values: Iterable[object] = (),
        limit: int = 50,
        after: tuple[int, str] | None = None,
    ) -> list[TraceRecord]:
        """Return summaries, newest first; `after` continues behind the last one of a page."""
        condition, given = where, list(values)
        if after:
            condition += " AND (start_ns, trace_id) < (?, ?)"
            given += after
        rows = self.database.query(
            f"SELECT {_TRACE_COLUMNS} FROM traces WHERE {condition} "
            "ORDER BY start_ns DESC, trace_id DESC LIMIT ?",
            *given,
            limit,
        )
        return [TraceRecord(*row) for row in rows]  # type: ignore[arg-type]

    def trace(self, trace_id: str) -> TraceRecord | None:
        """Return the summary of one trace."""
        found = self.newest_traces("trace_id = ?", [trace_id], 1)
        return found[0] if found else None

    def spans_of(self, trace_id: str) -> list[SpanRecord]:
        """Return the spans of one trace, earliest first."""
        return _records(
            self.database.query(
                f"SELECT {_COLUMNS} FROM spans WHERE trace_id = ? ORDER BY start_ns, id", trace_id
            )
        )

    def newest_spans(self, since: float, limit: int) -> list[SpanRecord]:
        """Return spans that began since a time, at most so many, newest first.

        They come without their attributes and events.
        """
        rows = self.database.query(
            f"SELECT {_FEW_COLUMNS} FROM (SELECT * FROM spans ORDER BY id DESC LIMIT ?) "
            "WHERE start_ns >= ?",
            limit,
            int(since * 1e9),
        )
        return _records(rows)

    def last_id(self) -> int:
        """Return a number that grows with every span that is added."""
        rows = self.database.query("SELECT max(id) FROM spans")
        return int(str(rows[0][0] or 0)) if rows else 0

    def traces_since(self, id: int, limit: int = 1_000) -> list[str]:
        """Return the ids of traces that got spans after `last_id` was this."""
        rows = self.database.query(
            "SELECT trace_id FROM spans WHERE id > ? GROUP BY trace_id ORDER BY min(id) LIMIT ?",
            id,
            limit,
        )
        return [str(row[0]) for row in rows]

    def all_spans(self) -> Iterable[SpanRecord]:
        """Yield all spans, oldest first."""
        last = 0
        while rows := self.database.query(
            f"SELECT id, {_COLUMNS} FROM spans WHERE id > ? ORDER BY id LIMIT 1000", last
        ):
            last = int(str(rows[-1][0]))
            yield from _records(row[1:] for row in rows)


def _records(rows: Iterable[tuple[Any, ...]]) -> list[SpanRecord]:
    return [SpanRecord(*row) for row in rows]


def _fitting(spans: Iterable[SpanRecord], room: dict[str, int]) -> Iterable[SpanRecord]:
    for span in spans:
        if room[span.trace_id] > 0:
            room[span.trace_id] -= 1
            yield span
