"""Waits for a condition with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], *, within: float = 60.0) -> None:
    """Return once a condition holds; fails where it does not in time."""
    give_up_at = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up_at, f"not so within {within} s"
        await asyncio.sleep(0.0005)
