"""The apps that callers use, as posts name them."""

from __future__ import annotations

from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.contracts.logins import App
from services.gateway.application.identifiers import path_segment
from services.gateway.invocation import Asker

_MAX_APPS = 1000


class ClientApps:
    """Caches the name and website of apps, which never change."""

    def __init__(self, services: Asker) -> None:
        self._services = services
        self._apps: dict[str, dict[str, str]] = {}

    async def of(self, caller: Caller) -> dict[str, str]:
        """The fields of a new post that name the caller's app; empty without an app."""
        if not caller.client_id:
            return {}
        if caller.client_id not in self._apps:
            try:
                app = await self._services.ask("auth", f"apps/{path_segment(caller.client_id)}")
            except NotFound:
                return {}
            if len(self._apps) >= _MAX_APPS:
                self._apps.clear()
            known = App.model_validate(app)
            self._apps[caller.client_id] = {
                "application": known.name,
                "application_website": known.website,
            }
        return self._apps[caller.client_id]
