"""The guest `insights`: what an account's posts and sales add up to. It runs where it is wanted."""

from __future__ import annotations

from services.chassis.security.access_rules import read_access
from services.chassis.security.caller import Caller
from services.clients.base import ExportingClient
from services.clients.paths import numeric_id
from services.contracts.insights import Insights

TIMEOUT = 1.0
"""Seconds for which a page waits: it is shown without insights then."""


class InsightsClient(ExportingClient):
    """Routes of the guest."""

    app_id = "insights"

    @staticmethod
    def is_running() -> bool:
        """Whether the guest was started beside the services."""
        return InsightsClient.app_id in read_access()

    async def insights(self, caller: Caller) -> Insights:
        """The insights of the caller's own account."""
        path = f"insights/{numeric_id(caller.user_id)}"
        return await self._send(Insights, "GET", path, caller, deadline=TIMEOUT)
