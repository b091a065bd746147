"""Checkouts per second, relative to a baseline workflow on the same engine.

Every order is by a buyer with a full cart, and is measured from sending the checkout until it is
`completed`. Baseline workflows and checkouts alternate, so that drift of the machine affects both.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console, Group
from rich.progress import Progress

from bench.api_client import BenchClient, BenchPerson
from bench.baseline_workflow import CALLER, PATH
from bench.idle import ForeignLoad, wait_until_idle
from bench.metrics import BenchTarget
from bench.options import BenchOptions
from bench.process_usage import ProcessUsage, usage_delta
from bench.progress import for_each
from bench.results import describe_machine
from bench.stats import Latency
from bench.system import BenchSystem
from bench.tables import format_number, new_table, target_table

SHOP = "/api/shop/v1"
RATIO = 0.5
PRICE = 2_400
BASELINES_PER_CHECKOUT = 2
"""Baseline workflows per checkout: they are faster, and are measured for as long."""

_REGISTERING = 6
_POLL_INTERVAL = 0.05
_SHARE = 0.15
"""The poll interval as a share of an order's duration: polls cost time, so there are few."""

_TIMEOUT = 120.0


@dataclass
class MeasuredTurns:
    """The measurements of one of the two."""

    what: str
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    """Processor seconds by kind of process."""
    failed: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.took) / self.seconds if self.seconds else 0.0

    @property
    def latency(self) -> Latency:
        return Latency.of([each * 1000 for each in self.took])

    def cpu_per_item(self, kind: str) -> float:
        """Return processor milliseconds per item, for a kind of process."""
        return self.cpu[kind] * 1000 / max(1, len(self.took))


@dataclass(frozen=True)
class CheckoutResults:
    """All results of one run."""

    about: Mapping[str, Any]
    in_flight: int
    bare: MeasuredTurns
    checkouts: MeasuredTurns
    elsewhere: float
    restarts: Mapping[str, int]

    @property
    def errors(self) -> int:
        """The number of orders that did not complete, and of processes that died."""
        return len(self.checkouts.failed) + sum(self.restarts.values())

    @property
    def ratio(self) -> float:
        return self.checkouts.per_second / self.bare.per_second

    @property
    def meets_targets(self) -> bool:
        return self.target.met

    @property
    def target(self) -> BenchTarget:
        what = f"checkouts a second, of bare workflows', {self.in_flight} in flight"
        return BenchTarget(what, f"≥ {RATIO:.2f}", format_number(self.ratio), self.ratio >= RATIO)

    def show(self, console: Console) -> None:
        """Print the tables."""
        kinds = list(self.checkouts.cpu)
        title = "Checkouts and bare workflows; processor milliseconds of each"
        shown = new_table("what", "n", "done", "a second", "p50 ms", "p99 ms", *kinds, "all")
        for turns in (self.bare, self.checkouts):
            latency = turns.latency
            costs = [turns.cpu_per_item(kind) for kind in kinds]
            shown.add_row(
                turns.what,
                str(self.in_flight),
                str(len(turns.took)),
                format_number(turns.per_second, 1),
                format_number(latency.p50, 0),
                format_number(latency.p99, 0),
                *(format_number(cost, 1) for cost in [*costs, sum(costs)]),
            )
        console.print(Group(title, shown))
        console.print(target_table([self.target]))
        for sample in self.checkouts.failed[:5]:
            console.print(sample, style="red", markup=False)
        for name, count in self.restarts.items():
            console.print(f"{name} died, {count} times", style="red")
        console.print(f"Other processes took {self.elsewhere:.0%} of the machine meanwhile.")

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        figures = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": describe_machine(),
            **self.about,
            "in_flight": self.in_flight,
            "turns": [asdict(turns) for turns in (self.bare, self.checkouts)],
            "ratio": self.ratio,
            "elsewhere": self.elsewhere,
            "restarts": self.restarts,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2))


class CheckoutBenchmark:
    """The benchmark of `--checkouts`."""

    def __init__(self, options: BenchOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._in_flight = max(options.in_flight)

    async def execute(self) -> CheckoutResults:
        """Start the system, measure it, and stop it in any case."""
        options = self._options
        bare, checkouts = MeasuredTurns("bare workflow"), MeasuredTurns("checkout")
        async with BenchSystem(options.system) as system, BenchClient(system.url) as client:
            usage = ProcessUsage(system.report)
            buyers = await self._gather(client)
            foreign_load = ForeignLoad(usage)
            share = max(1, len(buyers) // options.rounds)
            bar = self._progress.add_task("measuring", total=2 * options.rounds)
            for turn in range(options.rounds):
                await wait_until_idle(usage)
                await self._bare(system, usage, bare, share * BASELINES_PER_CHECKOUT)
                self._progress.advance(bar)
                await wait_until_idle(usage)
                await self._buy(client, usage, checkouts, buyers[turn * share :][:share])
                self._progress.advance(bar)
            elsewhere = foreign_load.share()
            restarts = await system.restarts()
        about = {
            "system": {"components": system.components, "replicas": options.system.replicas},
            "asked": {"checkouts": options.checkouts, "rounds": options.rounds},
        }
        return CheckoutResults(about, self._in_flight, bare, checkouts, elsewhere, restarts)

    async def _gather(self, client: BenchClient) -> list[BenchPerson]:
        """Register buyers, each with a full cart."""
        token, prefix = await client.app_token(), f"b{secrets.token_hex(3)}_"
        seller = await client.register(f"{prefix}seller", token)
        shop = await client.request("POST", f"{SHOP}/shops", seller, name="Bench", currency="EUR")
        variants = [{"price": PRICE, "stock": 1_000_000}]
        product = await client.request(
            "POST", f"{SHOP}/products", seller, shop=shop["id"], title="Mug", variants=variants
        )
        variant = product["variants"][0]["id"]
        item = {"product": product["id"], "variant": variant, "quantity": 1}

        async def register(number: int) -> BenchPerson:
            buyer = await client.register(f"{prefix}{number}", token)
            await client.request("PUT", f"{SHOP}/cart", buyer, items=[item])
            return buyer

        numbers = range(self._options.checkouts)
        return await for_each(self._progress, "filling carts", numbers, register, _REGISTERING)

    # ── measuring ───────────────────────────────────────────────────────────────────────────

    async def _bare(
        self, system: BenchSystem, usage: ProcessUsage, turns: MeasuredTurns, count: int
    ) -> None:
        address, token = system.service_endpoint("orders")
        params = {"count": count, "in_flight": self._in_flight}
        headers = {"dapr-api-token": token, "dapr-caller-app-id": CALLER}
        before, began = usage.cpu(), time.perf_counter()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{address}{PATH}", params=params, headers=headers) as response,
        ):
            response.raise_for_status()
            turns.took += await response.json()
        _add(turns, usage, before, began)

    async def _buy(
        self,
        client: BenchClient,
        usage: ProcessUsage,
        turns: MeasuredTurns,
        buyers: Sequence[BenchPerson],
    ) -> None:
        waiting = iter(buyers)
        expected = 0.0

        async def connection() -> None:
            nonlocal expected
            for buyer in waiting:
                began = time.perf_counter()
                state = await _checkout(client, buyer, expected)
                if state != "completed":
                    turns.failed.append(f"an order is {state}")
                    continue
                turns.took.append(time.perf_counter() - began)
                expected = turns.took[-1]

        before, began = usage.cpu(), time.perf_counter()
        await asyncio.gather(*(connection() for _ in range(self._in_flight)))
        _add(turns, usage, before, began)


def _add(
    turns: MeasuredTurns, usage: ProcessUsage, before: Mapping[str, float], began: float
) -> None:
    turns.seconds += time.perf_counter() - began
    used = usage_delta(usage.cpu(), before)
    turns.cpu = {kind: turns.cpu.get(kind, 0.0) + used[kind] for kind in used}


async def _checkout(client: BenchClient, buyer: BenchPerson, expected: float) -> str:
    """Return the final state of an order. Polling starts shortly before the expected end."""
    placed = await client.request(
        "POST",
        f"{SHOP}/checkouts",
        buyer,
        card="tok_ok",
        expected_total=PRICE,
        currency="EUR",
        idempotency_key=secrets.token_hex(8),
    )
    await asyncio.sleep(0.9 * expected)
    give_up_at = time.perf_counter() + _TIMEOUT
    while True:
        state = str((await client.request("GET", f"{SHOP}/orders/{placed['id']}", buyer))["state"])
        if state in ("completed", "declined", "failed") or time.perf_counter() > give_up_at:
            return state
        await asyncio.sleep(max(_POLL_INTERVAL, _SHARE * expected))
