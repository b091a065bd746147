"""A new harness for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import FakeCluster
from tests.services.comments.harness import CommentsHarness


@pytest.fixture
async def harness() -> AsyncIterator[CommentsHarness]:
    async with FakeCluster() as cluster:
        yield await CommentsHarness.start(cluster)
