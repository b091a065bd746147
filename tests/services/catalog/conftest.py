"""A catalog harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.catalog.harness import CatalogHarness


@pytest.fixture
async def harness() -> AsyncIterator[CatalogHarness]:
    async with World() as world:
        yield await CatalogHarness.start(world)


@pytest.fixture
async def busy() -> AsyncIterator[CatalogHarness]:
    """A harness with three replicas."""
    async with World() as world:
        yield await CatalogHarness.start(world, replicas=3)
