"""The race for the last pieces, on every store: four replicas of catalog on one store."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

from services.catalog.application.inventory import Inventory
from services.catalog.domain.stock import StockRecord
from services.catalog.repository import Repository
from services.chassis.errors import Conflict
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from tests.contract.systems import SystemUnderTest

BUYERS, PIECES, REPLICAS = 100, 10, 4


async def test_a_hundred_buyers_get_ten_pieces_and_no_more(system: SystemUnderTest) -> None:
    new = SnowflakeGenerator().next
    variant, orders = new(), [new() for _ in range(BUYERS)]
    async with AsyncExitStack() as stack:
        stores = [
            Repository(
                Service(
                    Settings(app_id="catalog", app_port=1),
                    await stack.enter_async_context(system.sidecar("alpha")),
                )
            )
            for _ in range(REPLICAS)
        ]
        inventories = [Inventory(store, now=time.time) for store in stores]
        await inventories[0].create_stock(variant, PIECES)

        items = ((variant, 1),)

        async def buy(number: int, order: str) -> str:
            inventory = inventories[number % REPLICAS]
            try:
                seen = await inventory.read(order, items)
                await inventory.reserve(order, items, 600, seen)
                await inventory.confirm(order)
            except Conflict as refused:
                return refused.code
            return "sold"

        outcomes = await asyncio.gather(*(buy(n, order) for n, order in enumerate(orders)))
        assert dict(Counter(outcomes)) == {"sold": PIECES, "out_of_stock": BUYERS - PIECES}
        stock = await stores[0].stocks.get(variant) or StockRecord()
        assert (stock.on_hand, stock.held) == (0, 0)
        sold = [o for o, outcome in zip(orders, outcomes, strict=True) if outcome == "sold"]
        await asyncio.gather(
            *(inventories[n % REPLICAS].restock(order) for n, order in enumerate(sold * 2))
        )
        assert (await stores[1].stocks.get(variant) or StockRecord()).on_hand == PIECES
