"""The verb `logs`: the logs of all processes, merged by time, with filters."""

import asyncio
import json
import sys
from datetime import datetime
from typing import Any

from tools.dashboard.collect.log_lines import LogEntry
from tools.dashboard.collect.log_reader import processes
from tools.dashboard.queries.logs import LogFilter, LogPage, follow_logs, log_row, read_logs
from tools.dashboard.sources import Sources
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.output.terminal import Terminal


def print_logs(run: RunDir, wanted: LogFilter, *, follow: bool, as_json: bool) -> int:
    """Print the newest entries that match, and then new ones if they are to be followed."""
    names = [name for name in processes(run.logs) if wanted.is_chosen(name)]
    if not names:
        raise RunnerError(f"no logs of {wanted.service or 'any process'} in {run.logs}")
    sources = Sources.of_run(run)
    printer = _JsonPrinter() if as_json else _TextPrinter(max(map(len, names)))
    if follow:
        asyncio.run(_follow(sources, wanted, printer))
        return 0
    page = read_logs(sources, wanted)
    for entry in page.entries:
        printer.print(entry)
    _warn_if_cut(page, wanted)
    return 0


def _warn_if_cut(page: LogPage, wanted: LogFilter) -> None:
    """Say that a search did not come to the end, unless it found as much as was asked for."""
    if not page.is_complete and len(page.entries) < wanted.limit:
        print("older parts of the logs were not searched", file=sys.stderr)


async def _follow(sources: Sources, wanted: LogFilter, printer: Any) -> None:
    async for entry in follow_logs(sources, wanted):
        printer.print(entry)


class _JsonPrinter:
    def print(self, entry: LogEntry) -> None:
        print(json.dumps(log_row(entry), default=str), flush=True)


class _TextPrinter:
    def __init__(self, width: int) -> None:
        self._terminal = Terminal(width=width)

    def print(self, entry: LogEntry) -> None:
        at = datetime.fromtimestamp(entry.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
        extras = " ".join(f"{key}={value}" for key, value in entry.fields.items())
        text = f"{at} {entry.level} {entry.message} {extras}".rstrip()
        self._terminal.print_line(entry.process, text)
