from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.auth.harness import Auth, auth_harness


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with auth_harness() as auth:
        yield auth
