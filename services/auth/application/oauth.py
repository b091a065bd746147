"""How apps get tokens for users and for themselves (OAuth 2: RFC 6749, 7009, 7636)."""

from __future__ import annotations

from collections.abc import Callable

from services.auth.application.account_mails import AccountMailer
from services.auth.application.login import Authenticator
from services.auth.application.refreshing import TokenRefresher
from services.auth.application.session_registry import SessionRegistry
from services.auth.application.tokens import SignedToken, TokenIssuer
from services.auth.domain import authorization_codes
from services.auth.domain.authorization_codes import (
    CODE_TTL,
    AuthorizationGrant,
    CodeRedemption,
    CodeReused,
)
from services.auth.domain.clients import OAuthClient, sha256_hex
from services.auth.domain.errors import (
    InvalidGrant,
    InvalidRequest,
    LoginOutdated,
    UnauthorizedClient,
)
from services.auth.domain.refresh_tokens import OFFLINE_SCOPE
from services.auth.domain.scopes import grant_scopes, restrict_scopes
from services.auth.domain.tokens import APP_TOKEN_TTL, AccessToken
from services.auth.domain.users import User
from services.auth.repository import Repository
from services.chassis.security.audit import security_event
from services.contracts.logins import Authorization, TokenRequest


class OAuthService:
    """Issues authorization codes and access tokens to apps."""

    def __init__(
        self,
        repository: Repository,
        authenticator: Authenticator,
        tokens: TokenIssuer,
        sessions: SessionRegistry,
        refresher: TokenRefresher,
        mailer: AccountMailer,
        new_secret: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._authenticator = authenticator
        self._tokens = tokens
        self._sessions = sessions
        self._refresher = refresher
        self._mailer = mailer
        self._new_secret = new_secret

    async def authorize(self, request: Authorization) -> str:
        """Return an authorization code. The app's request is checked before the password is."""
        client = await self._repository.get_client(request.client_id)
        client.check_redirect(request.redirect_uri)
        scope = grant_scopes(request.scope, client.scopes)
        authorization_codes.validate_challenge(
            request.code_challenge, request.code_challenge_method
        )
        user = await self._authenticator.log_in(request, client.client_id)
        grant = AuthorizationGrant(
            client_id=client.client_id,
            user_id=user.user_id,
            username=user.username,
            redirect_uri=request.redirect_uri,
            scope=restrict_scopes(scope, to_admin=user.is_admin),
            challenge=request.code_challenge,
            expires_at=max(self._tokens.now(), user.tokens_from) + CODE_TTL,
            user_agent=request.user_agent,
        )
        code = self._new_secret()
        await self._repository.authorization_grants.update(
            sha256_hex(code), lambda kept: kept or grant, expect_absent=True
        )
        security_event("login_succeeded", subject=user.user_id, client_id=client.client_id)
        return code

    async def redeem(self, request: TokenRequest) -> SignedToken:
        """Issue a token for a code. A second use of the code revokes the token of the first."""
        client = await self._authenticated_client(request.client_id, request.client_secret)
        if not request.code:
            raise InvalidRequest("The code is missing.")
        await self._tokens.ensure_can_sign()  # otherwise the code would be used up without a token
        token = self._tokens.new_token(client.client_id)
        redemption = CodeRedemption(
            client.client_id,
            request.redirect_uri,
            request.code_verifier,
            token.id,
            token.expires_at,
            self._new_secret(),
        )
        grant = await self._use_code(request.code, redemption, token.issued_at)
        user = await self._repository.users.get(grant.user_id)
        if user is None or not user.is_active:
            raise InvalidGrant("The account was deleted or is suspended.")
        if grant.issued_at < user.tokens_from:
            raise InvalidGrant("All sessions of the user were ended. The user must log in again.")
        scope = restrict_scopes(grant.scope, to_admin=user.is_admin)
        try:
            signed = await self._issue(
                token.for_user(user, scope), user, grant.user_agent, grant.family
            )
        except LoginOutdated as error:
            raise InvalidGrant(error.message) from error
        await self._mailer.announce_login(user, client.name, grant.user_agent)
        return signed

    async def refresh(self, request: TokenRequest) -> SignedToken:
        """Exchange a refresh token for the next tokens. Raises `InvalidGrant`."""
        client = await self._authenticated_client(request.client_id, request.client_secret)
        return await self._refresher.refresh(client.client_id, request.refresh_token)

    async def _issue(
        self, token: AccessToken, user: User, user_agent: str, family: str
    ) -> SignedToken:
        """Issue a token to an app, with a refresh token if it asks for `offline_access`."""
        if OFFLINE_SCOPE in token.scope.split():
            return await self._refresher.begin(token, user, user_agent, family)
        return await self._sessions.issue(token, user, user_agent)

    async def client_credentials(self, request: TokenRequest) -> SignedToken:
        """Issue a token with which an app acts for itself."""
        client = await self._authenticated_client(request.client_id, request.client_secret)
        scope = restrict_scopes(grant_scopes(request.scope, client.scopes), to_admin=False)
        token = self._tokens.new_token(client.client_id, scope, APP_TOKEN_TTL)
        return await self._tokens.sign(token)

    async def token_for_new_user(self, client_id: str, user: User, user_agent: str) -> SignedToken:
        """Issue a token, with all scopes of the app, for a user who registered through it."""
        client = await self._repository.get_client(client_id)
        scope = restrict_scopes(client.scopes, to_admin=False)
        token = self._tokens.new_token(client.client_id).for_user(user, scope)
        return await self._issue(token, user, user_agent, self._new_secret())

    async def revoke(self, client_id: str, secret: str, token: str) -> None:
        """Revoke an access or refresh token of the app. An expired token needs no revocation."""
        client = await self._authenticated_client(client_id, secret)
        claims = await self._tokens.verify(token)
        if claims is None:
            await self._refresher.revoke(client.client_id, token)
            return
        if claims["exp"] <= self._tokens.now():
            return
        if claims.get("client_id") != client.client_id:
            raise UnauthorizedClient
        await self._sessions.revoke(claims["sub"], claims["jti"], claims["exp"], "by_app")

    async def ensure_can_sign(self) -> None:
        """Raise the error that would keep tokens from being signed."""
        await self._tokens.ensure_can_sign()

    async def _use_code(
        self, code: str, redemption: CodeRedemption, now: int
    ) -> AuthorizationGrant:
        try:
            grant = await self._repository.authorization_grants.update(
                sha256_hex(code), lambda kept: authorization_codes.redeem(kept, redemption, now)
            )
        except CodeReused as reused:
            security_event("code_replayed", subject=reused.user_id, client_id=redemption.client_id)
            await self._sessions.revoke(
                reused.user_id, reused.token_id, reused.expires_at, "code_replayed"
            )
            await self._sessions.end_family(
                reused.user_id, sha256_hex(reused.family), "code_replayed"
            )
            raise
        if grant is None:
            raise InvalidGrant("The authorization code is unknown.")
        return grant

    async def _authenticated_client(self, client_id: str, secret: str) -> OAuthClient:
        client = await self._repository.get_client(client_id)
        client.verify_secret(secret)
        return client
