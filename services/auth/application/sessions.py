"""Sessions on the pages of the gateway: of the web app, and of the page of archives."""

from __future__ import annotations

from services.auth.application.apps import AppService
from services.auth.application.login import Authenticator
from services.auth.application.tokens import SignedToken, TokenIssuer
from services.auth.domain.scopes import SESSION_SCOPE, restrict_scopes
from services.auth.domain.tokens import SESSION_TTL, AccessToken
from services.auth.domain.users import User
from services.contracts.logins import WEB_CLIENT_ID, NewSession

_SESSION_CLIENTS = ("", WEB_CLIENT_ID)


class SessionService:
    """Begins and ends sessions.

    A session is an access token: of the web app, or without a client for the page of archives.
    """

    def __init__(self, authenticator: Authenticator, tokens: TokenIssuer, apps: AppService) -> None:
        self._authenticator = authenticator
        self._tokens = tokens
        self._apps = apps

    async def begin(self, new: NewSession) -> SignedToken:
        """Issue the token of a session. Raises what `Authenticator.authenticate` raises."""
        await self._tokens.ensure_can_sign()
        user = await self._authenticator.authenticate(new.login, new.password)
        token = await self._web_token(user) if new.kind == "web" else self._archive_token(user)
        return await self._tokens.sign(token)

    async def end(self, token: str) -> None:
        """Revoke the token of a session. The token of any other app stays valid."""
        claims = await self._tokens.verify(token)
        if claims is not None and claims.get("client_id", "") in _SESSION_CLIENTS:
            await self._tokens.revoke(claims["jti"], claims["exp"])

    async def _web_token(self, user: User) -> AccessToken:
        app = await self._apps.ensure_web_app()
        scope = restrict_scopes(app.scopes, to_admin=user.is_admin)
        return self._tokens.new_token(app.client_id).for_user(user, scope)

    def _archive_token(self, user: User) -> AccessToken:
        return self._tokens.new_token("", lifetime=SESSION_TTL).for_user(user, SESSION_SCOPE)
