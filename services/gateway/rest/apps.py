"""Registration of apps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.chassis.errors import Unauthenticated
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import bearer_token
from services.chassis.security.token_verifier import TokenVerifier
from services.contracts.logins import NewApp
from services.gateway.container import Gateway
from services.gateway.http.openapi import array_of, request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import apps

_EXAMPLE = {
    "client_name": "toot",
    "redirect_uris": "urn:ietf:wg:oauth:2.0:oob",
    "scopes": "read write follow",
    "website": "https://github.com/ihabunek/toot",
}


async def any_token(request: Request) -> Caller:
    """Accept any valid token, whatever its scopes."""
    token = bearer_token(request)
    if not token:
        raise Unauthenticated("This request requires an access token.")
    identity: TokenVerifier = request.app.state.token_verifier
    return await identity.verify(token)


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about apps."""
    router = APIRouter(prefix="/api/v1/apps", tags=["apps"])

    @router.post(
        "",
        openapi_extra=request_body(
            client_name="string",
            redirect_uris={"anyOf": [{"type": "string"}, array_of("string")]},
            scopes="string",
            website="string",
            example=_EXAMPLE,
        ),
        responses=responses(
            {
                "id": "114000000000000000",
                "name": "toot",
                "website": "https://github.com/ihabunek/toot",
                "client_id": "y0Qm…",
                "client_secret": "s3cr…",
                "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
                "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"],
                "scopes": ["read", "write", "follow"],
                "vapid_key": "",
                "client_secret_expires_at": 0,
            }
        ),
    )
    async def register_app(request: Request) -> OrjsonResponse:
        """Register an app, and get its secret. Public."""
        new = _new_app(await read_params(request))
        made = await gateway.services.auth.register_app(new)
        return OrjsonResponse(apps.credential_application(made))

    @router.get("/verify_credentials", responses=responses())
    async def verify_app(caller: Annotated[Caller, Depends(any_token)]) -> OrjsonResponse:
        """The app of a token."""
        found = await gateway.services.auth.app(caller.client_id)
        return OrjsonResponse(apps.application(found))

    return router


def _new_app(body: RequestParams) -> NewApp:
    """The `NewApp` of a request; redirect URIs are a list, or lines of one string."""
    uris = [uri for text in body.strings("redirect_uris") or [] for uri in text.split()]
    return NewApp.model_construct(
        client_name=body.string("client_name"),
        redirect_uris=uris,
        scopes=" ".join(body.strings("scopes") or []) or "read",
        website=body.string("website"),
    )
