"""Checkouts, and baseline workflows on the same engine beside them.

Every order is by a buyer with a full cart, and is measured from sending the checkout until it is
`completed`. Baseline workflows and checkouts alternate, so that drift of the machine affects both.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from rich.progress import Progress

from bench.api_client import BenchClient, BenchPerson
from bench.baseline_workflow import CALLER, PATH
from bench.idle import wait_until_idle
from bench.measurement import Measurement, UsageProbe
from bench.progress import for_each
from bench.scenarios import BARE_WORKFLOW, CHECKOUT
from bench.system import BenchSystem
from services.contracts.limits import MAX_WAIT

SHOP = "/api/shop/v1"
PRICE = 2_400
BASELINES_PER_CHECKOUT = 2
"""Baseline workflows per checkout: they are faster, and are measured for as long."""

_REGISTERING = 6
_POLL_INTERVAL = 0.5
_FINAL_STATES = ("completed", "declined", "failed")
_TIMEOUT = 120.0


class CheckoutTurns:
    """Measures a number of checkouts, and twice as many baseline workflows."""

    def __init__(
        self, client: BenchClient, system: BenchSystem, probe: UsageProbe, in_flight: int
    ) -> None:
        self._client = client
        self._system = system
        self._probe = probe
        self._in_flight = in_flight
        self._buyers: Iterator[BenchPerson] = iter(())

    async def prepare(self, checkouts: int, progress: Progress) -> None:
        """Register buyers, each with a full cart; some more, for the warm-up."""
        client = self._client
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

        numbers = range(checkouts + self._in_flight)
        buyers = await for_each(progress, "filling carts", numbers, register, _REGISTERING)
        self._buyers = iter(buyers)

    async def run(
        self, checkouts: int, rounds: int, tick: Callable[[str], None]
    ) -> list[Measurement]:
        """Return the measurements of checkouts and of baseline workflows."""
        bought = Measurement(CHECKOUT, self._in_flight)
        bare = Measurement(BARE_WORKFLOW, self._in_flight)
        await self._turn(
            Measurement(CHECKOUT, 0), Measurement(BARE_WORKFLOW, 0), self._in_flight, tick
        )
        for _ in range(rounds):
            await self._turn(bought, bare, max(1, checkouts // rounds), tick)
        return [bought, bare]

    async def _turn(
        self, bought: Measurement, bare: Measurement, count: int, tick: Callable[[str], None]
    ) -> None:
        async with self._measured(bare):
            bare.took += await self._run_baselines(count * BASELINES_PER_CHECKOUT)
        tick(BARE_WORKFLOW)
        async with self._measured(bought):
            await self._buy(bought, [next(self._buyers) for _ in range(count)])
        tick(CHECKOUT)

    @asynccontextmanager
    async def _measured(self, measured: Measurement) -> AsyncIterator[None]:
        """Measure what is inside, and the cost of the events that are processed after it."""
        await wait_until_idle(self._probe.usage)
        with self._probe.measure_usage(measured):
            began = time.perf_counter()
            yield
            measured.seconds += time.perf_counter() - began
            measured.digesting.append(await wait_until_idle(self._probe.usage))

    async def _run_baselines(self, count: int) -> list[float]:
        """Return the seconds of each baseline workflow."""
        address, token = self._system.service_endpoint("orders")
        params = {"count": count, "in_flight": self._in_flight}
        headers = {"dapr-api-token": token, "dapr-caller-app-id": CALLER}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{address}{PATH}", params=params, headers=headers) as response,
        ):
            response.raise_for_status()
            took: list[float] = await response.json()
            return took

    async def _buy(self, measured: Measurement, buyers: Sequence[BenchPerson]) -> None:
        waiting = iter(buyers)

        async def connection() -> None:
            for buyer in waiting:
                began = time.perf_counter()
                state = await _checkout(self._client, buyer)
                if state == "completed":
                    measured.took.append(time.perf_counter() - began)
                else:
                    measured.add_error(f"an order is {state}")

        await asyncio.gather(*(connection() for _ in range(self._in_flight)))


async def _checkout(client: BenchClient, buyer: BenchPerson) -> str:
    """Return the final state of an order. The checkout waits for it; else it is polled."""
    order = await client.request(
        "POST",
        f"{SHOP}/checkouts?wait={MAX_WAIT}",
        buyer,
        card="tok_ok",
        expected_total=PRICE,
        currency="EUR",
        idempotency_key=secrets.token_hex(8),
    )
    path, give_up_at = f"{SHOP}/orders/{order['id']}", time.perf_counter() + _TIMEOUT
    while order["state"] not in _FINAL_STATES and time.perf_counter() < give_up_at:
        await asyncio.sleep(_POLL_INTERVAL)
        order = await client.request("GET", path, buyer)
    return str(order["state"])
