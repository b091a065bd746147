"""Repeats calls of other services."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def call(ask: Callable[[], Awaitable[str]], *, is_idempotent: bool) -> str:
    """Return what `ask` gives. It may be asked again."""
    while True:
        try:
            return await ask()
        except Exception:
            await asyncio.sleep(1.0)
