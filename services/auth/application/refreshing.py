"""Short access tokens with refresh tokens, for apps that ask for `offline_access`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.auth.application.session_registry import SessionRegistry
from services.auth.application.tokens import SignedToken, TokenIssuer
from services.auth.domain.clients import sha256_hex
from services.auth.domain.errors import InvalidGrant, LoginOutdated
from services.auth.domain.refresh_tokens import (
    ACCESS_TTL,
    REFRESH_TTL,
    NextTokens,
    RefreshFamily,
    RefreshToken,
)
from services.auth.domain.scopes import restrict_scopes
from services.auth.domain.tokens import AccessToken
from services.auth.domain.users import User
from services.auth.repository import Repository
from services.chassis.security.audit import security_event


class TokenRefresher:
    """Begins families of refresh tokens, and exchanges refresh tokens for the next ones."""

    def __init__(
        self,
        repository: Repository,
        tokens: TokenIssuer,
        sessions: SessionRegistry,
        new_secret: Callable[[], str],
    ) -> None:
        self._repository = repository
        self._tokens = tokens
        self._sessions = sessions
        self._new_secret = new_secret

    async def begin(
        self, token: AccessToken, user: User, user_agent: str, family: str
    ) -> SignedToken:
        """Issue the first tokens of a login. `token` is the user's, with its scopes.

        The family is written before its session is listed: without that, no token of it works.
        Raises what `SessionRegistry.issue` raises.
        """
        token = replace(token, lifetime=ACCESS_TTL)
        refresh = RefreshToken(family, self._new_secret())
        new = RefreshFamily(
            client_id=token.client_id,
            user_id=user.user_id,
            scope=token.scope,
            user_agent=user_agent,
            secret_sha256=sha256_hex(refresh.secret),
            token_id=token.id,
            expires_at=token.issued_at + REFRESH_TTL,
        )
        key = sha256_hex(family)
        await self._repository.refresh_families.update(
            key, lambda kept: kept or new, expect_absent=True
        )
        record = self._sessions.record(token, user_agent, new.expires_at, key)
        signed = await self._sessions.issue(token, user, user_agent, record)
        return replace(signed, refresh_token=str(refresh))

    async def refresh(self, client_id: str, text: str) -> SignedToken:
        """Exchange a refresh token. Raises `InvalidGrant`.

        One commit replaces it, so of two requests at once one gets tokens. The other one ends the
        family, as any second use does. If the process dies after the commit, the app has to log in
        again: nobody can tell whether it has got the answer.
        """
        given = RefreshToken.parse(text)
        key = sha256_hex(given.family)
        family = await self._repository.refresh_families.get(key)
        if family is None or not family.works(client_id, self._tokens.now()):
            raise InvalidGrant("The refresh token is unknown, used or expired.")
        user = await self._repository.users.get(family.user_id)
        if user is None or not user.is_active:
            raise InvalidGrant("The account was deleted or is suspended.")
        await self._tokens.ensure_can_sign()  # otherwise it would be used up without a token
        scope = restrict_scopes(family.scope, to_admin=user.is_admin)
        token = self._tokens.new_token(client_id, lifetime=ACCESS_TTL).for_user(user, scope)
        following = RefreshToken(given.family, self._new_secret())
        new = NextTokens(sha256_hex(following.secret), token.id, token.issued_at + REFRESH_TTL)
        await self._rotate(key, family, given, new)
        record = self._sessions.record(token, family.user_agent, new.expires_at, key)
        try:
            signed = await self._sessions.replace(family.token_id, token, user, record)
        except LoginOutdated as error:
            raise InvalidGrant("The session was ended. The user must log in again.") from error
        return replace(signed, refresh_token=str(following))

    async def revoke(self, client_id: str, text: str) -> None:
        """End the family of a refresh token of an app. Any other text needs no revocation."""
        given = RefreshToken.parse(text)
        key = sha256_hex(given.family)
        family = await self._repository.refresh_families.get(key)
        if family is not None and family.works(client_id, self._tokens.now()):
            await self._sessions.end_family(family.user_id, key, "by_app")

    async def _rotate(
        self, key: str, family: RefreshFamily, given: RefreshToken, new: NextTokens
    ) -> None:
        used = sha256_hex(given.secret)
        after = await self._repository.refresh_families.update(
            key, lambda kept: kept.rotate(used, new) if kept else None
        )
        if after is None or after.ended:
            security_event(
                "refresh_token_reused", subject=family.user_id, client_id=family.client_id
            )
            await self._sessions.end_family(family.user_id, key, "refresh_token_reused")
            raise InvalidGrant("The refresh token was used before. The user must log in again.")
