"""Registration of apps, which are OAuth clients."""

from __future__ import annotations

from collections.abc import Callable

from services.auth.domain.clients import OAuthClient, sha256_hex, validate_client, web_app
from services.auth.domain.scopes import grant_scopes
from services.auth.repository import Repository
from services.chassis.ids import Clock, timestamp
from services.contracts.logins import NewApp


class AppService:
    """Registers and finds apps."""

    def __init__(
        self,
        repository: Repository,
        new_id: Callable[[], str],
        new_secret: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._new_id = new_id
        self._new_secret = new_secret
        self._clock = clock
        self._web_app: OAuthClient | None = None

    async def register(self, new: NewApp) -> tuple[OAuthClient, str]:
        """Register an app. Returns it with its secret, of which only a hash is stored."""
        scopes = validate_client(new.client_name, new.redirect_uris, new.scopes, new.website)
        secret = self._new_secret()
        client = OAuthClient(
            id=self._new_id(),
            client_id=self._new_secret(),
            secret_sha256=sha256_hex(secret),
            name=new.client_name.strip(),
            website=new.website,
            redirect_uris=new.redirect_uris,
            scopes=scopes,
            created_at=timestamp(self._clock()),
        )
        await self._repository.clients.update(
            client.client_id, lambda kept: kept or client, expect_absent=True
        )
        return client, secret

    async def ensure_web_app(self) -> OAuthClient:
        """Return the web app, registered as this version defines it. Safe to repeat.

        At most three state calls for the first caller of a process, later none.
        """
        if self._web_app is None:
            new = web_app(self._new_id(), timestamp(self._clock()))
            kept = await self._repository.clients.update(
                new.client_id,
                lambda kept: web_app(kept.id, kept.created_at) if kept else new,
                expect_absent=True,
            )
            self._web_app = kept or new
        return self._web_app

    async def find(self, client_id: str) -> OAuthClient | None:
        """Return an app, if it exists."""
        return await self._repository.find_client(client_id)

    async def grantable_scopes(self, client_id: str, wanted: str) -> str:
        """Return the scopes that an app would get. Raises `InvalidClient` or `InvalidScope`."""
        client = await self._repository.get_client(client_id)
        return grant_scopes(wanted, client.scopes)
