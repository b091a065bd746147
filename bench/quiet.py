"""Waits until the system has nothing more to digest."""

from __future__ import annotations

import asyncio
import time

from bench.usage import Usage

_WINDOW = 0.3
_CALM = 0.25
"""Cores below which a system is at rest: polls and heartbeats are all that is left."""

_CALM_WINDOWS = 3
_PATIENCE = 180.0


async def until_quiet(usage: Usage) -> float:
    """Wait until the processes have been calm for a second or so; returns the seconds it took.

    What that second is for is not counted. Gives up after three minutes.
    """
    began = time.perf_counter()
    calm_since = began
    calm = 0
    before = sum(usage.cpu().values())
    while calm < _CALM_WINDOWS and time.perf_counter() - began < _PATIENCE:
        start = time.perf_counter()
        await asyncio.sleep(_WINDOW)
        after = sum(usage.cpu().values())
        if after - before > _CALM * (time.perf_counter() - start):
            calm, calm_since = 0, time.perf_counter()
        else:
            calm += 1
        before = after
    return calm_since - began
