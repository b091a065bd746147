"""Numbers about the whole place, asked for at most once in a few seconds."""

from __future__ import annotations

import time

from services.chassis.errors import ServiceError
from services.contracts.discovery import Statistics
from services.gateway.container import Gateway

_TTL = 5.0


class StatisticsCache:
    """How many people and posts there are."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known = Statistics()
        self._until = 0.0

    async def current(self) -> Statistics:
        """As of a few seconds ago; where nobody answers, as of when somebody last did."""
        if time.monotonic() > self._until:
            self._until = time.monotonic() + _TTL
            try:
                self._known = await self._gateway.services.users.statistics()
            except ServiceError:
                return self._known
        return self._known
