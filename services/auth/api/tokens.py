"""The routes of authorization codes and access tokens."""

from __future__ import annotations

from fastapi import APIRouter

from services.auth.api.parameters import NO_CONTENT, new_router
from services.auth.application.oauth import OAuthService
from services.auth.application.tokens import SignedToken
from services.auth.domain.errors import InvalidRequest, UnsupportedGrantType
from services.chassis.http.openapi import error_responses
from services.contracts.logins import (
    Authorization,
    AuthorizationCode,
    Token,
    TokenRequest,
    TokenRevocation,
)


def create_router(oauth: OAuthService) -> APIRouter:
    """Return the routes of codes and tokens."""
    router = new_router("tokens")

    @router.post("/authorizations", responses=error_responses(400, 401, 422, 429))
    async def authorize(form: Authorization) -> AuthorizationCode:
        """Log a user in for an app, and issue a code that the app can redeem once.

        `wrong_login` (401) concerns the user; every other error is the app's fault. Errors may be
        sent to the redirect URI only if the redirect URI belongs to the app.
        """
        return AuthorizationCode(code=await oauth.authorize(form))

    @router.post("/tokens", responses=error_responses(400, 401, 422))
    async def issue_token(form: TokenRequest) -> Token:
        """Issue a token for a code, for a refresh token, or for the app itself."""
        if form.grant_type == "authorization_code":
            return token_body(await oauth.redeem(form))
        if form.grant_type == "refresh_token":
            return token_body(await oauth.refresh(form))
        if form.grant_type == "client_credentials":
            return token_body(await oauth.client_credentials(form))
        if not form.grant_type:
            raise InvalidRequest("The grant type is missing.")
        raise UnsupportedGrantType(
            "The grant types are authorization_code, client_credentials and refresh_token."
        )

    @router.post("/tokens/revoke", responses=NO_CONTENT | error_responses(401, 403, 422))
    async def revoke_token(form: TokenRevocation) -> dict[str, str]:
        """Revoke a token of the app. An unknown or expired token is no error."""
        await oauth.revoke(form.client_id, form.client_secret, form.token)
        return {}

    return router


def token_body(signed: SignedToken) -> Token:
    """Return the response for a signed token."""
    token = signed.access_token
    return Token(
        access_token=signed.token,
        scope=token.scope,
        created_at=token.issued_at,
        refresh_token=signed.refresh_token,
        expires_in=token.lifetime if signed.refresh_token else 0,
    )
