"""Statistics of the instance, read at most once in a few seconds."""

from __future__ import annotations

import time

from services.chassis.errors import ServiceError
from services.clients.users import UsersClient
from services.contracts.discovery import Statistics

_TTL = 5.0


class StatisticsCache:
    """Caches the numbers of users and posts."""

    def __init__(self, users: UsersClient) -> None:
        self._users = users
        self._known = Statistics()
        self._until = 0.0

    async def current(self) -> Statistics:
        """The current statistics, or the last known ones if the users service fails."""
        if time.monotonic() > self._until:
            self._until = time.monotonic() + _TTL
            try:
                self._known = await self._users.statistics()
            except ServiceError:
                return self._known
        return self._known
