"""What the gateway's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.media.exports import clerk, domain, gathering
from tests.services.gateway.test_shop_orders import with_orders
from tests.services.gateway.world import Place, a_place


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as made:
        yield made


@pytest.fixture
async def complete() -> AsyncIterator[Place]:
    """With orders and payments too, as every service has something of somebody."""
    async with a_place() as made:
        await with_orders(made)
        yield made


@pytest.fixture
def quick_clerk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for work often, wait short for who died; and several files of everything."""
    monkeypatch.setattr(clerk, "LOOK", 0.02)
    monkeypatch.setattr(domain, "LEASE", 1.0)
    monkeypatch.setattr(gathering, "PICTURES", 1)
