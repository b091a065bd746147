from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.auth.world import Auth, auth_world


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with auth_world() as auth:
        yield auth
