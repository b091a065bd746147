"""An orders harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.orders.harness import OrdersHarness


@pytest.fixture
async def harness() -> AsyncIterator[OrdersHarness]:
    async with FakeCluster() as cluster:
        yield await OrdersHarness.start(cluster)
