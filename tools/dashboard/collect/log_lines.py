"""Parses log lines: JSON of services and etcd, logfmt of Dapr, and the formats of the servers."""

from __future__ import annotations

import json
import re
from calendar import month_abbr
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_MESSAGE = 8_000
"""Characters of a message that are kept; the file has all of it."""

LEVELS = ("debug", "info", "warning", "error", "critical")

_NAMES_OF_LEVELS = {
    "debug": ("debug", "dbg", "trc", "trace", ".", "-"),  # signs are those of Redis
    "info": ("info", "inf", "notice", "*"),
    "warning": ("warning", "warn", "wrn", "#"),
    "error": ("error", "err"),
    "critical": ("critical", "fatal", "ftl", "panic", "dpanic"),
}
_LEVEL_NAMES = {name: level for level, names in _NAMES_OF_LEVELS.items() for name in names}
_LOGFMT = re.compile(r'time="([^"]+)" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+) ?(.*)')
_PAIR = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
_NATS = re.compile(r"\[\d+\] (\d{4}/\d\d/\d\d [\d:.]+) \[(\w+)\] ?(.*)")
_REDIS = re.compile(r"\d+:\w (\d\d \w{3} \d{4} [\d:.]+) (\S) (.*)")
_RABBITMQ = re.compile(r"(\d{4}-\d\d-\d\d [\d:.]+(?:[+-]\d\d:\d\d)?) \[(\w+)\] (?:<[^>]*> )?(.*)")
_PLAIN = re.compile(r"(\d{4}/\d\d/\d\d [\d:.]+) (.*)")
_FAILURE = re.compile(r"Traceback |panic: |fatal error: |[\w.]+(?:Error|Exception)\b")
"""The beginning of a line, without a time, of a process that dies."""
_MONTHS = {name: number for number, name in enumerate(month_abbr)}
_OWN = frozenset(
    {"time", "ts", "level", "service", "message", "msg", "event", "logger", "trace_id", "instance"}
)
_DAPR_CONSTANTS = frozenset({"app_id", "instance", "scope", "type", "ver"})
"""Fields that every line of Dapr's processes has."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a log. `at` is in seconds since 1970, `level` one of LEVELS."""

    at: float
    process: str
    """The name of the file: `posts`, `posts.2`, `posts.daprd`, `nats`."""
    level: str
    message: str
    trace_id: str = ""
    logger: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.process.split(".")[0]

    @property
    def time(self) -> str:
        return (
            datetime.fromtimestamp(self.at, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )


def parse_line(process: str, line: str, after: float | None = None) -> LogEntry | None:
    """Return the entry of a line.

    A line without a time of its own gets `after`, the time of the line before it; without that the
    result is None.
    """
    text = line.rstrip()
    entry = _json_entry(process, text) if text.startswith("{") else _text_entry(process, text)
    if entry is None and after is not None:
        level = "error" if _FAILURE.match(text) else "info"
        return LogEntry(after, process, level, text[:MAX_MESSAGE])
    return entry


def _json_entry(process: str, text: str) -> LogEntry | None:
    try:
        found = orjson.loads(text)
        at = _seconds(str(found.get("time") or found["ts"]))
    except (ValueError, KeyError, AttributeError):
        return None
    message = found.get("message", found.get("msg", found.get("event", "")))
    known = _OWN | _DAPR_CONSTANTS if found.get("type") == "log" else _OWN
    return LogEntry(
        at,
        process,
        _level(str(found.get("level", ""))),
        str(message)[:MAX_MESSAGE],
        str(found.get("trace_id", "")),
        str(found.get("logger") or found.get("scope", "")),
        {key: value for key, value in found.items() if key not in known},
    )


def _text_entry(process: str, text: str) -> LogEntry | None:
    try:
        if found := _LOGFMT.match(text):
            return _logfmt_entry(process, found)
        if found := _NATS.match(text) or _RABBITMQ.match(text):
            return _entry(process, _seconds(found[1]), found[2], found[3])
        if found := _REDIS.match(text):
            return _entry(process, _redis_seconds(found[1]), found[2], found[3])
        if found := _PLAIN.match(text):
            return _entry(process, _seconds(found[1]), "", found[2])
    except ValueError:
        return None
    return None


def _entry(process: str, at: float, level: str, message: str) -> LogEntry:
    return LogEntry(at, process, _level(level), message.strip()[:MAX_MESSAGE])


def _logfmt_entry(process: str, found: re.Match[str]) -> LogEntry:
    pairs = {key: _unquoted(value) for key, value in _PAIR.findall(found[4])}
    fields = {key: value for key, value in pairs.items() if key not in _DAPR_CONSTANTS}
    return LogEntry(
        _seconds(found[1]),
        process,
        _level(found[2]),
        _unquoted(found[3])[:MAX_MESSAGE],
        logger=pairs.get("scope", ""),
        fields=fields,
    )


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


def _level(name: str) -> str:
    return _LEVEL_NAMES.get(name.lower(), "info")


def _seconds(text: str) -> float:
    """Return the seconds of an ISO time, a local one if it names no zone.

    More than six digits of a second are cut off.
    """
    whole, dot, rest = text.replace("/", "-").partition(".")
    if dot:
        digits = rest.rstrip("Z").split("+")[0]
        zone = rest[len(digits) :]
        whole = f"{whole}.{digits[:6]:0<6}{zone}"
    return datetime.fromisoformat(whole).timestamp()


def _redis_seconds(text: str) -> float:
    day, month, year, clock = text.split()
    return _seconds(f"{year}-{_MONTHS.get(month, 0):02}-{int(day):02} {clock}")
