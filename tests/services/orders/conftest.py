"""An orders harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.orders.harness import OrdersHarness


@pytest.fixture
async def harness() -> AsyncIterator[OrdersHarness]:
    async with World() as world:
        yield await OrdersHarness.start(world)
