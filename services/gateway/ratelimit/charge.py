"""What one HTTP request costs beyond the one that middleware counts.

GraphQL may charge more requests, and the form of a new post charges its pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.requests import HTTPConnection

from services.gateway.ratelimit.limiter import RateLimiter

Charge = Callable[[], float | None]
"""Counts one more request. Returns the seconds until the next window if that exceeds the limit."""

CHARGE_KEY = "charge"
"""The key of the `Charge` in a scope's `state`."""


def charge_of(connection: HTTPConnection) -> Charge:
    """The charge of a connection. Connections that are not limited are not counted."""
    charge: Charge = connection.scope["state"].get(CHARGE_KEY, _no_charge)
    return charge


def charger(limiter: RateLimiter, key: str) -> Charge:
    """A charge on one key of a limiter."""

    def charge() -> float | None:
        status = limiter.hit(key)
        return status.reset - time.time() if status.is_exceeded else None

    return charge


def _no_charge() -> float | None:
    return None
