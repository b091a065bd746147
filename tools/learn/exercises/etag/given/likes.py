"""Counts the likes of photos. There is one document for each photo, `likes:PHOTO`."""

from __future__ import annotations

from services.chassis.dapr.state import StateStore


async def like(state: StateStore, photo: str) -> int:
    """Add one like, and return how many there are now."""
    key = f"likes:{photo}"
    entry = await state.get(key)
    likes = (entry.value or 0) + 1
    await state.set(key, likes)
    return int(likes)
