"""Requests that run at the same time."""

from __future__ import annotations

import asyncio
from typing import Any


async def gather_all(*awaitables: Any) -> list[Any]:
    """All results. The first failure is raised once all have finished."""
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
