"""What a quote costs by HTTP and by gRPC, through two sidecars as orders asks for it.

    MICROGRAM_GRPC=1 ./tye-like-run.sh up --detach --run-dir DIR --port 0
    python -m bench.quotes DIR

The callers are the clients that orders has, in this process, at the sidecar of orders. Both ways
take turns, so that what else the machine does falls on both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.api_client import BenchClient
from bench.process_usage import ProcessUsage, usage_delta
from bench.stats import Latency, format_number
from bench.system import BenchSystem, SystemOptions
from bench.tables import new_table
from services.chassis.rpc.client import GrpcClient
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.clients.catalog import CatalogClient
from services.clients.catalog_rpc import CatalogRpcClient
from services.contracts.catalog import Quote, QuoteItem, QuoteRequest

WAYS = ("HTTP", "gRPC")
CALLER, CALLEE = "orders", "catalog"
_TIMEOUT = 10.0
_SHOP = "/api/shop/v1"


@dataclass
class _Cell:
    """All turns of one way with one number of items and of requests in flight."""

    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)

    def add_usage(self, used: Mapping[str, float]) -> None:
        for kind, seconds in used.items():
            self.cpu[kind] = self.cpu.get(kind, 0.0) + seconds

    def milliseconds(self, kind: str) -> float:
        """Processor time of a request."""
        return self.cpu[kind] / len(self.took) * 1e3


@dataclass(frozen=True)
class _Load:
    """So many items in a request, and so many requests at once."""

    items: int
    in_flight: int


Ask = Callable[[QuoteRequest], Awaitable[Quote]]


def main(arguments: Sequence[str]) -> int:
    """Measure a running system, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.quotes", description=__doc__)
    parser.add_argument("run_dir", type=Path, help="of a system that has gRPC on")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    asyncio.run(_run(given.run_dir.resolve(), given.seconds, given.rounds))
    return 0


async def _run(run_dir: Path, seconds: float, rounds: int) -> None:
    loads = [_Load(1, 1), _Load(1, 16), _Load(20, 16)]
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(BenchSystem(SystemOptions(run_dir=run_dir)))
        items = await _create_items(system.url, max(load.items for load in loads))
        ways = await stack.enter_async_context(_ways(system))
        usage = ProcessUsage(_processes(system))
        cells = {(load, way): _Cell() for load in loads for way in WAYS}
        for load in loads:
            for way in WAYS:
                await _turn(_Cell(), ways[way], items, load, usage, 1.0)
            for _ in range(rounds):
                for way in WAYS:
                    await _turn(cells[load, way], ways[way], items, load, usage, seconds)
    Console().print(_table(loads, cells))


async def _create_items(url: str, count: int) -> list[QuoteItem]:
    async with BenchClient(url) as client:
        seller = await client.register(f"q{secrets.token_hex(4)}", await client.app_token())
        shop = await client.request("POST", f"{_SHOP}/shops", seller, name="Bench", currency="EUR")

        async def create(number: int) -> QuoteItem:
            made = await client.request(
                "POST",
                f"{_SHOP}/products",
                seller,
                shop=shop["id"],
                title=f"Mug {number}",
                variants=[{"price": 2_400, "stock": 1_000}],
            )
            return QuoteItem(product=made["id"], variant=made["variants"][0]["id"])

        return [await create(number) for number in range(count)]


@asynccontextmanager
async def _ways(system: BenchSystem) -> AsyncIterator[dict[str, Ask]]:
    address, token = system.sidecar_endpoint(CALLER)
    row = next(row for row in system.report["services"] if row["service"] == CALLER)
    settings: Any = {
        "app_id": CALLER,
        "app_port": 1,
        "dapr_http_port": int(address.rpartition(":")[2]),
        "dapr_grpc_port": row["sidecar_grpc_port"],
        "dapr_api_token": token,
    }
    service = Service(Settings(**settings))
    async with service.sidecar, GrpcClient(service) as client:
        by_http = CatalogClient(service.sidecar, _TIMEOUT)
        yield {"HTTP": by_http.quote, "gRPC": CatalogRpcClient(client, _TIMEOUT).quote}


def _processes(system: BenchSystem) -> dict[str, list[int]]:
    rows = [row for row in system.report["services"] if row["app_id"] in (CALLER, CALLEE)]
    return {
        CALLEE: [row["pid"] for row in rows if row["app_id"] == CALLEE],
        "sidecars": [row["sidecar_pid"] for row in rows],
    }


async def _turn(
    cell: _Cell,
    ask: Ask,
    items: Sequence[QuoteItem],
    load: _Load,
    usage: ProcessUsage,
    seconds: float,
) -> None:
    wanted = QuoteRequest(items=[*items[: load.items]])
    end = time.perf_counter() + seconds

    async def connection() -> None:
        while (began := time.perf_counter()) < end:
            quote = await ask(wanted)
            cell.took.append(time.perf_counter() - began)
            if len(quote.lines) != load.items:
                raise RuntimeError(f"{len(quote.lines)} lines instead of {load.items}")

    before, own = usage.cpu(), time.process_time()
    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(load.in_flight)))
    cell.seconds += time.perf_counter() - began
    cell.add_usage({"caller": time.process_time() - own, **usage_delta(usage.cpu(), before)})


def _table(loads: Sequence[_Load], cells: Mapping[tuple[_Load, str], _Cell]) -> Table:
    kinds = ("caller", "sidecars", CALLEE)
    table = new_table("quote by", "items", "n", "req/s", "p50 ms", "p99 ms", *kinds, "all", "ratio")
    for load in loads:
        http = _total(cells[load, "HTTP"], kinds)
        for way in WAYS:
            cell = cells[load, way]
            latency = Latency.of([took * 1e3 for took in cell.took])
            total = _total(cell, kinds)
            table.add_row(
                way,
                str(load.items),
                str(load.in_flight),
                format_number(len(cell.took) / cell.seconds, 0),
                format_number(latency.p50),
                format_number(latency.p99),
                *(format_number(cell.milliseconds(kind)) for kind in kinds),
                format_number(total),
                format_number(total / http),
                end_section=way == WAYS[-1],
            )
    table.caption = "Processor milliseconds of a request by process; ratio: all, to HTTP"
    return table


def _total(cell: _Cell, kinds: Sequence[str]) -> float:
    return sum(map(cell.milliseconds, kinds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
