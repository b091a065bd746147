"""The routes of apps, which are OAuth clients."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.auth.api.parameters import new_router
from services.auth.application.apps import AppService
from services.auth.domain.clients import OAuthClient
from services.chassis.errors import NotFound
from services.chassis.http.openapi import error_responses
from services.contracts.logins import App, GrantableScope, NewApp

ClientId = Annotated[
    str, Path(max_length=100, examples=["b6cVQXlrDFGMTEXCtR1nq7cVZnGn4JmYxLkB6q0sPyE"])
]


def create_router(apps: AppService) -> APIRouter:
    """Return the routes of apps."""
    router = new_router("apps")

    @router.post("/apps", responses=error_responses(422))
    async def register_app(new: NewApp) -> App:
        """Register an app. Only this response contains its secret."""
        client, secret = await apps.register(new)
        return _app(client, secret)

    @router.get("/apps/{client_id}", responses=error_responses(404))
    async def get_app(client_id: ClientId) -> App:
        """Return an app without its secret."""
        client = await apps.find(client_id)
        if client is None:
            raise NotFound("There is no such app.")
        return _app(client, "")

    @router.get("/apps/{client_id}/grant", responses=error_responses(400, 401, 422))
    async def get_grantable_scopes(
        client_id: ClientId, scope: Annotated[str, Query(max_length=500)] = ""
    ) -> GrantableScope:
        """Return the scopes that an app would get. An error if it would get none."""
        return GrantableScope(scope=await apps.grantable_scopes(client_id, scope))

    return router


def _app(client: OAuthClient, secret: str) -> App:
    return App(
        id=client.id,
        client_id=client.client_id,
        client_secret=secret,
        name=client.name,
        website=client.website,
        redirect_uris=client.safe_redirect_uris,
        scopes=client.scopes,
    )
