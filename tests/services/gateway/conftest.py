"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib import import_module

import pytest
from fastapi import FastAPI

from services.chassis.security.access_rules import read_access
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.media.exports import collector, domain, worker
from tests.services.gateway.deployment import GatewayDeployment, deploy
from tests.services.gateway.test_shop_orders import with_orders


@pytest.fixture
async def deployment() -> AsyncIterator[GatewayDeployment]:
    async with deploy() as made:
        yield made


@pytest.fixture
async def complete() -> AsyncIterator[GatewayDeployment]:
    """All services, also orders and payments, and those that `new` has written."""
    async with deploy() as made:
        await with_orders(made)
        for name in sorted(read_access().keys() - {each.name for each in made.cluster.running}):
            await made.cluster.start(app_factory(name), name)
        yield made


def app_factory(name: str) -> Callable[[Settings], FastAPI]:
    create_app: Callable[[Service], FastAPI] = import_module(f"services.{name}.app").create_app

    def create(settings: Settings) -> FastAPI:
        return create_app(Service(settings))

    return create


@pytest.fixture
def fast_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll often, with short leases and small parts."""
    monkeypatch.setattr(worker, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(domain, "LEASE_TTL", 1.0)
    monkeypatch.setattr(collector, "PICTURES_PER_PART", 1)
