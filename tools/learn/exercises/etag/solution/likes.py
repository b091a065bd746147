"""Counts the likes of photos. There is one document for each photo, `likes:PHOTO`."""

from __future__ import annotations

import asyncio
import random

from services.chassis.dapr.state import StateStore, VersionConflict
from services.chassis.errors import Unavailable

MAX_ATTEMPTS = 60
MAX_PAUSE = 0.02


async def like(state: StateStore, photo: str) -> int:
    """Add one like, and return how many there are now. Raises `Unavailable`."""
    key = f"likes:{photo}"
    for _ in range(MAX_ATTEMPTS):
        entry = await state.get(key)
        likes = int(entry.value or 0) + 1
        try:
            await state.compare_and_set(key, likes, etag=entry.etag)
        except VersionConflict:
            await asyncio.sleep(random.uniform(0, MAX_PAUSE))  # noqa: S311 (jitter)
        else:
            return likes
    raise Unavailable("Too many people like this photo right now. Try again.")
