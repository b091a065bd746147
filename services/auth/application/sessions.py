"""Sessions on the gateway's page of archives. No app is involved."""

from __future__ import annotations

from services.auth.application.login import Authenticator
from services.auth.application.tokens import SignedToken, TokenIssuer
from services.auth.domain.scopes import SESSION_SCOPE
from services.auth.domain.tokens import SESSION_TTL


class SessionService:
    """Begins and ends sessions. A session is an access token without a client."""

    def __init__(self, authenticator: Authenticator, tokens: TokenIssuer) -> None:
        self._authenticator = authenticator
        self._tokens = tokens

    async def begin(self, login: str, password: str) -> SignedToken:
        """Issue the token of a session. Raises what `Authenticator.authenticate` raises."""
        await self._tokens.ensure_can_sign()
        user = await self._authenticator.authenticate(login, password)
        token = self._tokens.new_token("", lifetime=SESSION_TTL)
        return await self._tokens.sign(token.for_user(user, SESSION_SCOPE))

    async def end(self, token: str) -> None:
        """Revoke the token of a session. The token of an app stays valid."""
        claims = await self._tokens.verify(token)
        if claims is not None and not claims.get("client_id"):
            await self._tokens.revoke(claims["jti"], claims["exp"])
