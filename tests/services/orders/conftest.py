"""Orders and its neighbours, for each test anew."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.orders.world import Town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with World() as world:
        yield await Town.start(world)
