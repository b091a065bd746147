"""A catalog harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.catalog.harness import CatalogHarness


@pytest.fixture
async def harness() -> AsyncIterator[CatalogHarness]:
    async with FakeCluster() as cluster:
        yield await CatalogHarness.start(cluster)


@pytest.fixture
async def busy() -> AsyncIterator[CatalogHarness]:
    """A harness with three replicas."""
    async with FakeCluster() as cluster:
        yield await CatalogHarness.start(cluster, replicas=3)
