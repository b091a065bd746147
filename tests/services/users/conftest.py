from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.users.harness import UsersDeployment, start


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with FakeCluster() as made:
        yield made


@pytest.fixture
async def users(cluster: FakeCluster) -> UsersDeployment:
    return UsersDeployment(cluster, await start(cluster))
