"""What a request costs beyond its first operation: GraphQL charges more than one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from services.gateway.ratelimit.limiter import RateLimiter

if TYPE_CHECKING:
    pass


Charge = Callable[[], float | None]
"""Counts one request more; gives in how many seconds to come again, if that is one too many."""


CHARGE_KEY = "count"
"""Where the door leaves it in a scope's `state`."""


def charge_of(asked: HTTPConnection) -> Charge:
    """What counts the requests of somebody; of the operator nothing does."""
    count: Charge = asked.scope["state"].get(CHARGE_KEY, _no_charge)
    return count


def _no_charge() -> float | None:
    return None


def charger(limiter: RateLimiter, key: str) -> Charge:
    """Counts for somebody what one request does beyond its first part."""

    def count() -> float | None:
        standing = limiter.hit(key)
        return standing.reset - time.time() if standing.is_exceeded else None

    return count
