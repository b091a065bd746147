from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.notifications.harness import NotificationsHarness


@pytest.fixture
async def harness() -> AsyncIterator[NotificationsHarness]:
    async with FakeCluster() as cluster:
        yield await NotificationsHarness.start(cluster)
