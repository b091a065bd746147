"""Payments, for each test anew."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes import World
from tests.services.payments.world import Bank


@pytest.fixture
async def bank() -> AsyncIterator[Bank]:
    async with World() as world:
        yield await Bank.built(world)
