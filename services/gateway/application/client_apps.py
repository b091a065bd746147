"""The apps that callers use, as posts name them."""

from __future__ import annotations

from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.clients.auth import AuthClient

_MAX_APPS = 1000


class ClientApps:
    """Caches the name and website of apps, which never change."""

    def __init__(self, auth: AuthClient) -> None:
        self._auth = auth
        self._apps: dict[str, dict[str, str]] = {}

    async def of(self, caller: Caller) -> dict[str, str]:
        """The fields of a new post that name the caller's app; empty without an app."""
        if not caller.client_id:
            return {}
        if caller.client_id not in self._apps:
            try:
                app = await self._auth.app(caller.client_id)
            except NotFound:
                return {}
            if len(self._apps) >= _MAX_APPS:
                self._apps.clear()
            self._apps[caller.client_id] = {
                "application": app.name,
                "application_website": app.website,
            }
        return self._apps[caller.client_id]
