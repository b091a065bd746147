"""A payments harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.payments.harness import PaymentsHarness


@pytest.fixture
async def harness() -> AsyncIterator[PaymentsHarness]:
    async with FakeCluster() as cluster:
        yield await PaymentsHarness.create(cluster)
