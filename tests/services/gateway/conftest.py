"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.media.exports import collector, domain, worker
from tests.services.gateway.deployment import GatewayDeployment, deploy
from tests.services.gateway.test_shop_orders import with_orders


@pytest.fixture
async def deployment() -> AsyncIterator[GatewayDeployment]:
    async with deploy() as made:
        yield made


@pytest.fixture
async def complete() -> AsyncIterator[GatewayDeployment]:
    """All services, also orders and payments."""
    async with deploy() as made:
        await with_orders(made)
        yield made


@pytest.fixture
def fast_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll often, with short leases and small parts."""
    monkeypatch.setattr(worker, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(domain, "LEASE_TTL", 1.0)
    monkeypatch.setattr(collector, "PICTURES_PER_PART", 1)
