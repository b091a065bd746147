"""What the gateway's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.media.exports import collector, domain, worker
from tests.services.gateway.deployment import GatewayDeployment, deploy
from tests.services.gateway.test_shop_orders import with_orders


@pytest.fixture
async def place() -> AsyncIterator[GatewayDeployment]:
    async with deploy() as made:
        yield made


@pytest.fixture
async def complete() -> AsyncIterator[GatewayDeployment]:
    """With orders and payments too, as every service has something of somebody."""
    async with deploy() as made:
        await with_orders(made)
        yield made


@pytest.fixture
def quick_clerk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for work often, wait short for who died; and several files of everything."""
    monkeypatch.setattr(worker, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(domain, "LEASE_TTL", 1.0)
    monkeypatch.setattr(collector, "PICTURES_PER_PART", 1)
