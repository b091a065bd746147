from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.users.world import UsersDeployment, start


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.fixture
async def users(world: World) -> UsersDeployment:
    return UsersDeployment(world, await start(world))
