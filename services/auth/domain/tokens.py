"""The content of access tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from services.auth.domain.users import User

ISSUER = "microgram"
TOKEN_TTL = 365 * 24 * 3600
"""Seconds. Most clients of the Mastodon API know no refresh tokens and expect long-lived tokens."""

WEB_SESSION_TTL = 90 * 24 * 3600
"""Seconds. A user of the web app logs in again once in three months."""

APP_TOKEN_TTL = 30 * 24 * 3600
"""Seconds. An app can get a new token for itself at any time."""

SESSION_TTL = 6 * 3600
"""Seconds. A download on a page of the gateway must finish within a session."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token before it is signed. `lifetime` is in seconds.

    `user_id` and `username` are empty for an app's own token. `client_id` is empty for the token of
    a session, which belongs to no app.
    """

    id: str
    client_id: str
    scope: str
    issued_at: int
    user_id: str = ""
    username: str = ""
    lifetime: int = TOKEN_TTL

    @property
    def expires_at(self) -> int:
        """The end of its lifetime, in seconds since 1970."""
        return self.issued_at + self.lifetime

    def for_user(self, user: User, scope: str) -> AccessToken:
        """Return the token as a user's. It is issued after all revoked tokens of the user."""
        return replace(
            self,
            scope=scope,
            issued_at=max(self.issued_at, user.tokens_from),
            user_id=user.user_id,
            username=user.username,
        )

    def claims(self) -> dict[str, Any]:
        """Return the claims of the JWT (RFC 7519; RFC 8693 for `scope` and `client_id`)."""
        return {
            "iss": ISSUER,
            "sub": self.user_id,
            "username": self.username,
            "client_id": self.client_id,
            "scope": self.scope,
            "jti": self.id,
            "iat": self.issued_at,
            "exp": self.expires_at,
        }
