"""Stock adds up after any sequence of requests, repeats and faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.catalog.application.stock_audit import StockAudit
from services.catalog.repository import Repository
from services.chassis.errors import OutcomeUnknown, Unavailable
from services.chassis.ids import SnowflakeGenerator
from tests.fakes import Call, FakeCluster, Response
from tests.services.catalog.harness import CatalogHarness, SellerClient

ORDERS = 5
VARIANTS = 2
STOCK = 6
FINAL = ("confirmed", "refused", "released", "expired", "restocked")

_ids = SnowflakeGenerator()
numbers = st.integers(0, ORDERS - 1)
pieces = st.lists(st.integers(0, 4), min_size=VARIANTS, max_size=VARIANTS).filter(any)
steps = st.sampled_from(("reserve", "confirm", "release", "restock"))


class Stock(RuleBasedStateMachine):
    """Two replicas on one store, of which some answers are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.cluster = FakeCluster()
        self.added = [STOCK] * VARIANTS
        self.wanted: dict[str, list[int]] = {}
        self.broken, self.lost = 0.0, False

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.finish())
        self.run(self.cluster.__aexit__(None, None, None))
        self.loop.close()

    @initialize(seed=st.integers(0, 1_000))
    def start(self, seed: int) -> None:
        self.orders = [_ids.next() for _ in range(ORDERS)]
        self.dice = random.Random(seed)  # noqa: S311
        self.run(self.open())

    async def open(self) -> None:
        await self.cluster.__aenter__()
        self.harness = await CatalogHarness.start(self.cluster, replicas=2)
        self.anna: SellerClient = self.harness.person()
        shop = await self.anna.create_shop()
        self.products, self.variants = zip(
            *[
                await self.anna.create_product(f"Mug {n}", shop=shop, stock=STOCK)
                for n in range(VARIANTS)
            ],
            strict=True,
        )
        for replica in self.harness.replicas:
            replica.sidecar.state.faults.before.append(self.before)
            replica.sidecar.state.faults.after.append(self.after)

    async def before(self, call: Call) -> None:
        await asyncio.sleep(0 if self.dice.random() < 0.8 else 0.0005)
        if call.name == "compare_and_set" and not self.lost and self.dice.random() < self.broken:
            raise Unavailable("not reachable")

    async def after(self, call: Call) -> None:
        if call.name == "compare_and_set" and self.lost and self.dice.random() < self.broken:
            raise OutcomeUnknown("lost answer")

    @rule(
        acts=st.lists(st.tuples(steps, numbers, pieces), min_size=1, max_size=6),
        broken=st.integers(0, 3),
        lost=st.booleans(),
    )
    def everybody_acts_at_once(
        self, acts: list[tuple[str, int, list[int]]], broken: int, lost: bool
    ) -> None:
        self.broken, self.lost = broken / 10, lost
        self.run(self.all(acts))
        self.broken = 0.0

    async def all(self, acts: list[tuple[str, int, list[int]]]) -> None:
        await asyncio.gather(
            *(self.act(n % 2, verb, self.orders[o], p) for n, (verb, o, p) in enumerate(acts))
        )

    async def act(self, replica: int, verb: str, order: str, pieces: list[int]) -> Response:
        self.wanted.setdefault(order, pieces)
        items = self.items(order)
        if verb != "reserve":
            return await self.harness.change_reservation(order, verb, replica, items=items)
        return await self.harness.reserve(order, *items, seconds=60, replica=replica)

    def items(self, order: str) -> list[tuple[str, int]]:
        wanted = self.wanted.get(order, [0] * VARIANTS)
        return [(v, n) for v, n in zip(self.variants, wanted, strict=True) if n]

    @rule(delta=st.integers(-2, 3), which=st.integers(0, VARIANTS - 1))
    def the_seller_counts(self, delta: int, which: int) -> None:
        path = f"/products/{self.products[which]}/variants/{self.variants[which]}/stock"
        answer = self.run(self.anna.request("POST", path, json={"delta": delta}))
        assert answer.status in (200, 409), answer.text
        self.added[which] += delta if answer.status == 200 else 0

    @rule(seconds=st.sampled_from((20, 61)))
    def time_passes(self, seconds: int) -> None:
        self.harness.clock.ahead += seconds

    @invariant()
    def nothing_is_negative(self) -> None:
        for variant in getattr(self, "variants", ()):
            on_hand, held = self.stock(variant)
            assert 0 <= held <= on_hand

    def stock(self, variant: str) -> tuple[int, int]:
        data = self.cluster.state("catalog").peek(f"stock:{variant}")["data"]
        held = sum(p["quantity"] for p in data["parts"].values() if p["state"] == "held")
        return data["on_hand"], held

    async def finish(self) -> None:
        """End every order: then every piece is sold or available."""
        for order in self.orders:
            await self.harness.change_reservation(order, "confirm")
            await self.harness.change_reservation(order, "release", items=self.items(order))
        kept = self.cluster.state("catalog")
        for order in self.orders:
            if kept.peek(f"reservation:{order}")["data"]["state"] == "restocking":
                await self.harness.change_reservation(order, "restock")
        ends = {o: kept.peek(f"reservation:{o}")["data"] for o in self.orders}
        assert {end["state"] for end in ends.values()} <= {*FINAL}
        audit = StockAudit(Repository(self.harness.catalog.service))
        for _ in range(2):
            await audit.sweep()
        assert audit.disagreements == set()
        for n, variant in enumerate(self.variants):
            sold = sum(
                quantity
                for end in ends.values()
                for id, quantity in end["items"]
                if id == variant and end["state"] == "confirmed"
            )
            left = self.added[n] - sold
            assert self.stock(variant)[0] == left
            if left:
                assert (await self.harness.reserve(_ids.next(), (variant, left))).status == 200
            assert (await self.harness.reserve(_ids.next(), (variant, 1))).status == 409


TestStock = Stock.TestCase
TestStock.settings = settings(
    max_examples=12,
    stateful_step_count=8,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
