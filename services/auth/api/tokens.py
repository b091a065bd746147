"""The routes of authorization codes, access tokens and sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from services.auth.api.parameters import NO_CONTENT, router_for
from services.auth.application.oauth import OAuthService
from services.auth.application.sessions import SessionService
from services.auth.application.tokens import SignedToken
from services.auth.domain.errors import InvalidRequest, UnsupportedGrantType
from services.auth.domain.scopes import SESSION_SCOPE
from services.chassis.http.openapi import error_responses
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.logins import (
    Authorization,
    AuthorizationCode,
    NewSession,
    Session,
    Token,
    TokenRequest,
    TokenRevocation,
)

SessionCaller = Annotated[Caller, Depends(require_user(SESSION_SCOPE))]


def create_router(oauth: OAuthService, sessions: SessionService) -> APIRouter:
    """Return the routes of codes, tokens and sessions."""
    router = router_for("gateway", "tokens")

    @router.post("/authorizations", responses=error_responses(400, 401, 422, 429))
    async def authorize(form: Authorization) -> AuthorizationCode:
        """Log a user in for an app, and issue a code that the app can redeem once.

        `wrong_login` (401) concerns the user; every other error is the app's fault. Errors may be
        sent to the redirect URI only if the redirect URI belongs to the app.
        """
        return AuthorizationCode(code=await oauth.authorize(form))

    @router.post("/tokens", responses=error_responses(400, 401, 422))
    async def issue_token(form: TokenRequest) -> Token:
        """Issue a token for a code, or for the app itself."""
        if form.grant_type == "authorization_code":
            return token_body(await oauth.redeem(form))
        if form.grant_type == "client_credentials":
            return token_body(await oauth.client_credentials(form))
        if not form.grant_type:
            raise InvalidRequest("The grant type is missing.")
        raise UnsupportedGrantType("The grant types are authorization_code and client_credentials.")

    @router.post("/tokens/revoke", responses=NO_CONTENT | error_responses(401, 403, 422))
    async def revoke_token(form: TokenRevocation) -> dict[str, str]:
        """Revoke a token of the app. An unknown or expired token is no error."""
        await oauth.revoke(form.client_id, form.client_secret, form.token)
        return {}

    @router.post("/sessions", responses=error_responses(401, 403, 422, 429))
    async def begin_session(form: NewSession) -> Session:
        """Log a user in to the web app, or to the page of archives.

        A registration on a page is followed by this route, with the same credentials.
        """
        return session_body(await sessions.begin(form))

    @router.post("/sessions/end", responses=NO_CONTENT | error_responses(401, 403))
    async def end_session(caller: SessionCaller) -> dict[str, str]:
        """Log the user out: revoke the session's token. The token of another app stays valid."""
        await sessions.end(caller.token)
        return {}

    return router


def session_body(signed: SignedToken) -> Session:
    """Return the session with a signed token."""
    return Session(token=signed.token, expires_at=signed.access_token.expires_at)


def token_body(signed: SignedToken) -> Token:
    """Return the response for a signed token."""
    return Token(
        access_token=signed.token,
        scope=signed.access_token.scope,
        created_at=signed.access_token.issued_at,
    )
