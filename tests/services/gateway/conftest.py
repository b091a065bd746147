"""What the gateway's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.media.exports import clerk, domain, gathering
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
    monkeypatch.setattr(clerk, "LOOK", 0.02)
    monkeypatch.setattr(domain, "LEASE", 1.0)
    monkeypatch.setattr(gathering, "PICTURES", 1)
