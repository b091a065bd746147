"""Repeats calls of other services."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from services.chassis.errors import OutcomeUnknown, Unavailable

MAX_ATTEMPTS = 4
FIRST_PAUSE = 0.1
"""Seconds. It doubles with each attempt."""


async def call(ask: Callable[[], Awaitable[str]], *, is_idempotent: bool) -> str:
    """Return what `ask` gives. It is asked again after what is safe to repeat."""
    safe = (Unavailable, OutcomeUnknown) if is_idempotent else (Unavailable,)
    for attempt in range(MAX_ATTEMPTS - 1):
        try:
            return await ask()
        except safe:
            await asyncio.sleep(random.uniform(0, FIRST_PAUSE * 2**attempt))  # noqa: S311
    return await ask()
