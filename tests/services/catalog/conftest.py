"""Catalog, for each test anew."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.catalog.world import Market


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with World() as world:
        yield await Market.start(world)


@pytest.fixture
async def busy() -> AsyncIterator[Market]:
    """With three replicas."""
    async with World() as world:
        yield await Market.start(world, replicas=3)
