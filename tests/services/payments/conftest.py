"""A payments harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.payments.harness import PaymentsHarness


@pytest.fixture
def like() -> str:
    """The store that the fake one is like; a test may have it parametrized."""
    return "sqlite"


@pytest.fixture
async def harness(like: str) -> AsyncIterator[PaymentsHarness]:
    async with FakeCluster(like=like) as cluster:
        yield await PaymentsHarness.create(cluster)
