"""The OAuth 2 endpoints for clients. The pages for users are in `pages/oauth.py`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote_plus

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from services.chassis.errors import ServiceError
from services.chassis.http.responses import OrjsonResponse
from services.contracts.logins import TokenRequest
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.errors import oauth_error
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import apps

_NO_STORE = {"cache-control": "no-store"}
_TOKEN_FIELDS = (
    *("client_id", "client_secret", "code", "redirect_uri", "code_verifier", "scope"),
    "refresh_token",
)


class OAuthRoute(APIRoute):
    """A route whose errors have OAuth's format."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as failure:
                log_failure(failure)
                status, body = oauth_error(failure)
            except RequestValidationError:
                status, body = (
                    400,
                    {"error": "invalid_request", "error_description": "The request is invalid."},
                )
            return OrjsonResponse(body, status, headers=_NO_STORE)

        return handler


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about tokens."""
    router = APIRouter(tags=["oauth"], route_class=OAuthRoute)

    @router.post(
        "/oauth/token",
        openapi_extra=request_body(
            grant_type="string",
            client_id="string",
            client_secret="string",  # noqa: S106 (a type)
            code="string",
            redirect_uri="string",
            code_verifier="string",
            scope="string",
            refresh_token="string",  # noqa: S106 (a type)
            example={
                "grant_type": "authorization_code",
                "client_id": "y0Qm…",
                "client_secret": "s3cr…",
                "code": "c0de…",
                "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
            },
        ),
        responses=responses(
            {
                "access_token": "eyJ…",
                "token_type": "Bearer",
                "scope": "read write",
                "created_at": 1750000000,
            }
        ),
    )
    async def token(request: Request) -> OrjsonResponse:
        """Exchange a code, a refresh token, or an app's credentials, for an access token."""
        body = await _read_credentials(request)
        asked = {name: body.string(name) for name in _TOKEN_FIELDS}
        made = await gateway.services.auth.issue_token(
            TokenRequest.model_construct(None, grant_type=body.string("grant_type"), **asked)
        )
        return OrjsonResponse(apps.token(made), headers=_NO_STORE)

    @router.post(
        "/oauth/revoke",
        openapi_extra=request_body(
            client_id="string",
            client_secret="string",  # noqa: S106 (a type)
            token="string",  # noqa: S106 (a type)
        ),
        responses=responses({}),
    )
    async def revoke(request: Request) -> OrjsonResponse:
        """Revoke a token. It stops working within seconds."""
        body = await _read_credentials(request)
        await gateway.services.auth.revoke_token(
            client_id=body.string("client_id"),
            client_secret=body.string("client_secret"),
            token=body.string("token"),
        )
        return OrjsonResponse({}, headers=_NO_STORE)

    return router


async def _read_credentials(request: Request) -> RequestParams:
    """The parameters, with the client's credentials from the `Authorization` header, if any."""
    body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic" or body.get("client_secret"):
        return body
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # of base64, or of UTF-8
        return body
    return RequestParams(
        body | {"client_id": unquote_plus(client), "client_secret": unquote_plus(secret)}
    )
