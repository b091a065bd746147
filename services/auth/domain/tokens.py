"""What an access token says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ISSUER = "microgram"
TOKEN_TTL = 365 * 24 * 3600
"""Seconds for which a token works. Clients of this API know no refresh, and expect it to last."""

SESSION_TTL = 6 * 3600
"""Seconds for which somebody is logged in to a page of ours: a download must be done by then."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token before it is signed. `user_id` and `username` are empty for an app's own.

    `client_id` is empty for that of a session, which no app gets. `life` is in seconds.
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
        """When it ends, in seconds since 1970."""
        return self.issued_at + self.lifetime

    def claims(self) -> dict[str, Any]:
        """As the claims of a JWT (RFC 7519, and RFC 8693 for `scope` and `client_id`)."""
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
