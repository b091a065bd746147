"""Reads all log files merged by time: from the newest line back, or as they grow.

The work of a request is bounded: each process's files are read back for at most `MAX_SCAN` bytes.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.dashboard.collect.log_lines import LogEntry, parse_line

MAX_SCAN = 8_000_000
"""Bytes of the files of one process that one request reads."""

_BLOCK = 65_536
_END_OF_BLOCK = b""
_MAX_LINE = 1_000_000
"""Bytes of a line; what is beyond is cut off."""
_MAX_ROUND = 1_000_000
"""Bytes of one file that one round of `LogFollower` reads. It leaves out what is before them."""

Prefilter = Callable[[bytes], bool]
"""Whether a line can match at all, before it is parsed."""


def processes(logs: Path) -> list[str]:
    """Return the names of all processes that have a log."""
    return sorted({path.name.split(".log")[0] for path in logs.glob("*.log")})


@dataclass
class Scan:
    """Where a scan begins and ends, and whether it came to the beginning of every file."""

    until: float | None = None
    """Later entries are left out, without reading most of them. In seconds since 1970."""
    since: float | None = None
    """Earlier ones are not read."""
    deadline: float = float("inf")
    """By the monotonic clock: nothing more is read after it."""
    is_complete: bool = True


def newest_first(
    logs: Path,
    chosen: Iterable[str],
    can_match: Prefilter,
    scan: Scan,
    max_scan: int = MAX_SCAN,
) -> Iterator[LogEntry]:
    """Yield the entries of some processes, newest first; lines that cannot match are left out.

    All files are read back at the same pace in time, also those in which nothing matches: so a
    scan that ends early has missed nothing newer than where it ended.
    """
    each = [_process_entries(logs, name, can_match, scan, max_scan) for name in chosen]
    for at, entry in heapq.merge(*each, key=_time_of, reverse=True):
        if scan.since is not None and at < scan.since:
            return
        if entry is not None:
            yield entry


_Step = tuple[float, LogEntry | None]
"""An entry and its time; without an entry, the time to which a file was read."""


def _time_of(step: _Step) -> float:
    return step[0]


def _process_entries(
    logs: Path, process: str, can_match: Prefilter, scan: Scan, max_scan: int
) -> Iterator[_Step]:
    """Yield the entries of one process, newest first, and a step for each block that is read.

    A line without a time belongs to the one before it, so it waits until that one is read.
    """
    undated: list[bytes] = []
    at = _modified(logs / f"{process}.log")
    last = b""
    for line in _lines_backwards(rotated_files(logs / f"{process}.log"), scan, max_scan):
        if not line:
            reached = parse_line(process, last.decode(errors="replace"))
            at = reached.at if reached and not undated else at
            yield at, None
            continue
        last, is_match = line, can_match(line)
        if not is_match and not undated:
            continue
        entry = parse_line(process, line.decode(errors="replace"))
        if entry is not None:
            at = entry.at
            yield from _dated(process, undated, at)
            undated = []
            if is_match:
                yield at, entry
        elif is_match:
            undated.append(line)
    yield from _dated(process, undated, at)


def _dated(process: str, lines: Iterable[bytes], at: float) -> Iterator[_Step]:
    for line in lines:
        if line.strip() and (entry := parse_line(process, line.decode(errors="replace"), at)):
            yield at, entry


def rotated_files(path: Path) -> list[Path]:
    """Return the file and its older ones, newest first."""
    older = path.parent.glob(f"{path.name}.*")
    numbered = sorted((int(each.suffix[1:]), each) for each in older if each.suffix[1:].isdigit())
    return [path, *(each for _, each in numbered)]


def _lines_backwards(paths: Iterable[Path], scan: Scan, budget: int) -> Iterator[bytes]:
    for path in paths:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            end = file.seek(0, os.SEEK_END)
            if scan.until is not None:
                end = _end_before(file, end, scan.until)
            rest = b""
            while end > 0:
                if budget <= 0 or time.monotonic() > scan.deadline:
                    scan.is_complete = False
                    return
                size = min(_BLOCK, end)
                end -= size
                budget -= size
                file.seek(end)
                first, *lines = (file.read(size) + rest).split(b"\n")
                yield from (line for line in reversed(lines) if line)
                yield _END_OF_BLOCK
                rest = first[:_MAX_LINE]
            if rest:
                yield rest


def _end_before(file: IO[bytes], size: int, until: float) -> int:
    """Return a position behind the last line before a time: at most some blocks behind it."""
    low, high = 0, size
    while high - low > _BLOCK:
        middle = (low + high) // 2
        at = _first_time(file, middle)
        if at is not None and at < until:
            low = middle
        else:
            high = middle
    first = _first_time(file, 0)
    if low == 0 and first is not None and first >= until:
        return 0
    return min(size, high + 2 * _BLOCK)


def _first_time(file: IO[bytes], position: int) -> float | None:
    """Return the time of the first whole line with one in the block at a position."""
    file.seek(position)
    lines = file.read(_BLOCK).split(b"\n")
    for line in lines[1 if position else 0 :]:
        if entry := parse_line("", line.decode(errors="replace")):
            return entry.at
    return None


class LogFollower:
    """Reads what is appended to the log files from now on."""

    def __init__(self, logs: Path, is_chosen: Callable[[str], bool]) -> None:
        self._logs = logs
        self._is_chosen = is_chosen
        self._positions: dict[Path, tuple[int, int]] = {}
        self._rest: dict[Path, bytes] = {}
        for path in self._files():
            status = path.stat()
            self._positions[path] = status.st_ino, status.st_size

    def _files(self) -> list[Path]:
        return [path for path in self._logs.glob("*.log") if self._is_chosen(path.stem)]

    def read(self) -> list[LogEntry]:
        """Return the entries of all complete lines since the last call, oldest first."""
        found = [entry for path in self._files() for entry in self._read_on(path)]
        return sorted(found, key=lambda entry: entry.at)

    def _read_on(self, path: Path) -> Iterator[LogEntry]:
        *lines, rest = self._appended(path).split(b"\n")
        self._rest[path] = rest[-_MAX_LINE:]
        at: float | None = None
        for line in lines:
            entry = parse_line(path.stem, line.decode(errors="replace"), at or _modified(path))
            if entry is not None and line.strip():
                at = entry.at
                yield entry

    def _appended(self, path: Path) -> bytes:
        """Return what was not read yet, with the beginning of the line that it continues."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return b""
        with file:
            status = os.fstat(file.fileno())
            inode, position = self._positions.get(path, (status.st_ino, 0))
            before = self._rest.pop(path, b"")
            if inode != status.st_ino:
                before += _end_of_rotated(path, inode, position)
                position = 0
            elif status.st_size < position:
                before, position = b"", 0
            start = max(position, status.st_size - _MAX_ROUND)
            file.seek(start)
            chunk = file.read(status.st_size - start)
            self._positions[path] = status.st_ino, start + len(chunk)
        return (before if start == position else b"") + chunk


def _end_of_rotated(path: Path, inode: int, position: int) -> bytes:
    """Return what was appended to a file before it was rotated."""
    older = path.with_name(f"{path.name}.1")
    try:
        with older.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != inode:
                return b""
            file.seek(position)
            return file.read(_MAX_ROUND)
    except FileNotFoundError:
        return b""


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
