"""What tracing costs a whole system: processor time of a home page, on systems that run.

    for RATIO in 0 0.01; do
      ./tye-like-run.sh up --detach --run-dir /tmp/t$RATIO --port 0 --no-dashboard --trace $RATIO
    done
    python -m bench.traced_home 0=/tmp/t0 0.01=/tmp/t0.01

The systems take short turns, so that what else the machine does falls on all alike. All processor
time of gateway, services, sidecars and servers counts. The page is composed anew for each request
(`composed`), or served as the gateway keeps it (`ready`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from bench.api_client import BenchClient, BenchPerson
from bench.process_usage import ProcessUsage, processes_by_kind

PEOPLE = 8
POSTS = 4
IN_FLIGHT = 8
SECONDS = 0.5
MAX_CHECKS = 300
"""Checks whether all posts have arrived, five a second."""
ROUNDS = 60
PAGES = {
    "ready": "/api/v1/timelines/home?limit=20",
    "composed": "/api/v1/timelines/home?limit=20&max_id=999999999999999999",
}


@dataclass
class TracedSystem:
    """One running system, somebody who reads, and the figures of each page."""

    name: str
    report: dict[str, Any]
    reader: BenchPerson
    figures: dict[str, list[float]] = field(default_factory=lambda: {page: [] for page in PAGES})
    """Milliseconds of processor time, for each turn."""
    counts: dict[str, list[int]] = field(default_factory=lambda: {page: [] for page in PAGES})
    """Requests of each turn."""

    @property
    def url(self) -> str:
        return str(self.report["gateway"])

    async def turn(self, page: str) -> None:
        """Read a page for some seconds, and note what it cost."""
        usage = ProcessUsage(processes_by_kind(self.report))
        before, began = sum(usage.cpu().values()), time.perf_counter()
        count = await self._read(PAGES[page], began + SECONDS)
        await asyncio.sleep(1.2)  # the export of the last spans is part of the price
        used = sum(usage.cpu().values()) - before
        self.figures[page].append(used * 1e3)
        self.counts[page].append(count)

    async def _read(self, path: str, until: float) -> int:
        headers = {"authorization": f"Bearer {self.reader.token}"}
        count = 0

        async def read(session: aiohttp.ClientSession) -> None:
            nonlocal count
            while time.perf_counter() < until:
                async with session.get(path, headers=headers) as answer:
                    assert answer.status == 200, await answer.text()  # noqa: S101
                    await answer.read()
                count += 1

        async with aiohttp.ClientSession(base_url=self.url) as session:
            await asyncio.gather(*(read(session) for _ in range(IN_FLIGHT)))
        return count


def report_of(run_dir: str) -> dict[str, Any]:
    """Return what `ps --json` says of a running system."""
    command = ["./tye-like-run.sh", "ps", "--run-dir", run_dir, "--json"]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    report: dict[str, Any] = json.loads(said)
    return report


async def load(name: str, report: dict[str, Any]) -> TracedSystem:
    """Fill a system with a reader, and people whom the reader follows."""
    async with BenchClient(report["gateway"]) as client:
        token = await client.app_token()
        salt = secrets.token_hex(3)
        people = [await client.register(f"t{salt}_{n}", token) for n in range(PEOPLE)]
        reader, *authors = people
        for author in authors:
            await client.follow(reader, author)
        for number in range(POSTS):
            for author in authors:
                await client.post(author, f"Post {number} of a benchmark")
        for _ in range(MAX_CHECKS):
            if len(await client.home(reader, 40)) == len(authors) * POSTS:
                break
            await asyncio.sleep(0.2)
    return TracedSystem(name, report, reader)


def main(arguments: list[str]) -> None:
    """Measure the systems, and print a table."""
    named = (argument.partition("=") for argument in arguments)
    reports = {name: report_of(run_dir) for name, _, run_dir in named}
    Console().print(_table(asyncio.run(_measure(reports))))


async def _measure(reports: dict[str, dict[str, Any]]) -> list[TracedSystem]:
    systems = [await load(name, report) for name, report in reports.items()]
    for number in range(ROUNDS + 1):
        for page in PAGES:
            for system in systems if number % 2 else reversed(systems):
                await system.turn(page)
        if not number:  # the first round warms up
            for system in systems:
                for page in PAGES:
                    system.figures[page].clear()
                    system.counts[page].clear()
    return systems


def _table(systems: list[TracedSystem]) -> Table:
    table = Table("tracing", "page", "ms of processor a page", "pages", "more")
    for page in PAGES:
        first = _price(systems[0], page)
        for system in systems:
            price, count = _price(system, page), sum(system.counts[page])
            more = f"{(price / first - 1) * 100:+.1f} %"
            table.add_row(system.name, page, f"{price:.3f}", str(count), more)
    return table


def _price(system: TracedSystem, page: str) -> float:
    """Milliseconds of processor time a page."""
    return sum(system.figures[page]) / sum(system.counts[page])


if __name__ == "__main__":
    main(sys.argv[1:])
