"""How apps register, and get and give back tokens (OAuth 2: RFC 6749, 7009, 7636)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.auth.adapters.signing_keys import SigningKeySet
from services.auth.application.login import Authenticator
from services.auth.domain import authorization_codes, clients, scopes
from services.auth.domain.authorization_codes import (
    CODE_TTL,
    AuthorizationGrant,
    CodeRedemption,
    CodeReused,
)
from services.auth.domain.clients import OAuthClient
from services.auth.domain.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    UnauthorizedClient,
)
from services.auth.domain.tokens import SESSION_TTL, AccessToken
from services.auth.domain.users import User
from services.auth.repository import Repository
from services.chassis.ids import timestamp


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """Somebody logs in for an app; the fields are those of the contract."""

    client_id: str
    redirect_uri: str
    scope: str
    challenge: str
    challenge_method: str
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token, ready to be handed out."""

    token: str
    access_token: AccessToken


class OAuthService:
    """Deals with apps."""

    def __init__(
        self,
        repository: Repository,
        authenticator: Authenticator,
        signing_keys: SigningKeySet,
        new_id: Callable[[], str],
        new_secret: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._authenticator = authenticator
        self._signing_keys = signing_keys
        self._new_id = new_id
        self._new_secret = new_secret
        self._clock = clock

    async def register_client(
        self, name: str, redirect_uris: list[str], wanted: str, website: str
    ) -> tuple[OAuthClient, str]:
        """Register an app; returns it with its secret, which is not kept."""
        given = clients.validate_client(name, redirect_uris, wanted, website)
        secret = self._new_secret()
        client = OAuthClient(
            id=self._new_id(),
            client_id=self._new_secret(),
            secret_sha256=clients.sha256_hex(secret),
            name=name.strip(),
            website=website,
            redirect_uris=redirect_uris,
            scopes=given,
            created_at=timestamp(self._clock()),
        )
        await self._repository.clients.update(
            client.client_id, lambda kept: kept or client, fresh=True
        )
        return client, secret

    async def grantable_scopes(self, client_id: str, wanted: str) -> str:
        """What an app would get of the scopes it asks for. Raises `InvalidScope`."""
        client = await self._repository.find_client(client_id)
        if client is None:
            raise InvalidClient
        return scopes.grant_scopes(wanted, client.scopes)

    async def authorize(self, request: CodeRequest) -> str:
        """A code for a token. What the app did wrong is said before the password is looked at."""
        client = await self._repository.find_client(request.client_id)
        if client is None:
            raise InvalidClient
        client.check_redirect(request.redirect_uri)
        scope = scopes.grant_scopes(request.scope, client.scopes)
        authorization_codes.validate_challenge(request.challenge, request.challenge_method)
        user = await self._authenticator.authenticate(request.login, request.password)
        scope = scopes.restrict_scopes(scope, to_admin=user.is_admin)
        grant = AuthorizationGrant(
            client_id=client.client_id,
            user_id=user.user_id,
            username=user.username,
            redirect_uri=request.redirect_uri,
            scope=scope,
            challenge=request.challenge,
            expires_at=self._now() + CODE_TTL,
        )
        code = self._new_secret()
        await self._repository.authorization_grants.update(
            clients.sha256_hex(code), lambda kept: kept or grant, fresh=True
        )
        return code

    async def redeem(
        self, client_id: str, secret: str, code: str, redirect_uri: str, verifier: str
    ) -> SignedToken:
        """A token for a code. A code that comes again takes the first one's token with it."""
        client = await self._authenticated_client(client_id, secret)
        if not code:
            raise InvalidRequest("The code is missing.")
        await self.ensure_can_sign()  # else the code would be used up for nothing
        access = self._new_access_token(client, "")
        asked = CodeRedemption(
            client.client_id, redirect_uri, verifier, access.id, access.expires_at
        )
        try:
            grant = await self._repository.authorization_grants.update(
                clients.sha256_hex(code),
                lambda kept: authorization_codes.redeem(kept, asked, access.issued_at),
            )
        except CodeReused as reused:
            await self._repository.revocations.append(
                reused.token_id, reused.expires_at, self._now()
            )
            raise
        if grant is None:
            raise InvalidGrant("The authorization code is unknown.")
        user = await self._repository.users.get(grant.user_id)
        if user is None or not user.is_active:
            raise InvalidGrant("The account is not there any more, or is suspended.")
        scope = scopes.restrict_scopes(grant.scope, to_admin=user.is_admin)
        return await self._sign(_for(access, scope, user))

    async def client_credentials(self, client_id: str, secret: str, wanted: str) -> SignedToken:
        """A token with which an app acts for nobody."""
        client = await self._authenticated_client(client_id, secret)
        granted = scopes.restrict_scopes(scopes.grant_scopes(wanted, client.scopes), to_admin=False)
        return await self._sign(self._new_access_token(client, granted))

    async def token_for_new_user(self, client_id: str, user: User) -> SignedToken:
        """A token for who has just registered through an app: with all that the app may have."""
        client = await self._repository.find_client(client_id)
        if client is None:
            raise InvalidClient
        scope = scopes.restrict_scopes(client.scopes, to_admin=False)
        return await self._sign(_for(self._new_access_token(client, scope), scope, user))

    async def begin_session(self, login: str, password: str) -> SignedToken:
        """A token for a page of ours on which somebody logs in. Raises as `Authenticator.enter`."""
        await self.ensure_can_sign()
        user = await self._authenticator.authenticate(login, password)
        access = AccessToken(self._new_secret(), "", "", self._now(), lifetime=SESSION_TTL)
        return await self._sign(_for(access, scopes.SESSION_SCOPE, user))

    async def end_session(self, token: str) -> None:
        """Take a session's token back."""
        claims = await self._signing_keys.verify(token)
        if claims is not None and not claims.get("client_id"):
            await self._repository.revocations.append(claims["jti"], claims["exp"], self._now())

    async def revoke(self, client_id: str, secret: str, token: str) -> None:
        """Take a token back. One that is none of ours, or has expired, needs nothing done."""
        client = await self._authenticated_client(client_id, secret)
        claims = await self._signing_keys.verify(token)
        if claims is None or claims["exp"] <= self._now():
            return
        if claims.get("client_id") != client.client_id:
            raise UnauthorizedClient
        await self._repository.revocations.append(claims["jti"], claims["exp"], self._now())

    async def find_client(self, client_id: str) -> OAuthClient | None:
        """An app, if there is one of that id."""
        return await self._repository.find_client(client_id)

    async def ensure_can_sign(self) -> None:
        """Raises whatever keeps tokens from being signed."""
        await self._signing_keys.all()

    async def _authenticated_client(self, client_id: str, secret: str) -> OAuthClient:
        client = await self._repository.find_client(client_id)
        if client is None:
            raise InvalidClient
        client.verify_secret(secret)
        return client

    def _new_access_token(self, client: OAuthClient, scope: str) -> AccessToken:
        return AccessToken(self._new_secret(), client.client_id, scope, self._now())

    async def _sign(self, access: AccessToken) -> SignedToken:
        return SignedToken(await self._signing_keys.sign(access), access)

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _for(access: AccessToken, scope: str, user: User) -> AccessToken:
    issued_at = max(access.issued_at, user.tokens_from)
    return replace(
        access,
        scope=scope,
        issued_at=issued_at,
        user_id=user.user_id,
        username=user.username,
    )
