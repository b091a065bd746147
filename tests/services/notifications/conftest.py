from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.notifications.harness import NotificationsHarness


@pytest.fixture
async def harness() -> AsyncIterator[NotificationsHarness]:
    async with World() as world:
        yield await NotificationsHarness.start(world)
