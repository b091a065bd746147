"""Access tokens: created, signed and revoked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.auth.adapters.signing_keys import SigningKeySet
from services.auth.domain.tokens import TOKEN_TTL, AccessToken
from services.auth.repository import Repository
from services.chassis.ids import Clock


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token as a JWT, and its content."""

    token: str
    access_token: AccessToken
    refresh_token: str = ""


class TokenIssuer:
    """Issues access tokens, and adds revoked ones to the revocation log."""

    def __init__(
        self,
        repository: Repository,
        signing_keys: SigningKeySet,
        new_secret: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._signing_keys = signing_keys
        self._new_secret = new_secret
        self._clock = clock

    def now(self) -> int:
        """Return the time in seconds since 1970."""
        return int(self._clock().timestamp())

    def new_token(self, client_id: str, scope: str = "", lifetime: int = TOKEN_TTL) -> AccessToken:
        """Return a token of an app itself. `AccessToken.for_user` makes it a user's."""
        return AccessToken(self._new_secret(), client_id, scope, self.now(), lifetime=lifetime)

    async def ensure_can_sign(self) -> None:
        """Raise the error that `sign` would raise if the signing keys are unavailable."""
        await self._signing_keys.all()

    async def sign(self, token: AccessToken) -> SignedToken:
        """Sign a token."""
        return SignedToken(await self._signing_keys.sign(token), token)

    async def verify(self, token: str) -> dict[str, Any] | None:
        """Return the claims of an own token, also of an expired one. None for any other text."""
        return await self._signing_keys.verify(token)

    async def revoke(self, token_id: str, expires_at: int) -> None:
        """Add a token to the revocation log."""
        await self._repository.revocations.append(token_id, expires_at, self.now())
