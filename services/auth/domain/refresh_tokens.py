"""Refresh tokens (RFC 6749, 6): each works once, and is replaced by the next.

All refresh tokens of one login are a family. Its document holds the hash of the newest. Any other
token of the family was used before, so it may be stolen: the family ends (RFC 9700, 4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hmac import compare_digest

OFFLINE_SCOPE = "offline_access"
"""An app that asks for this scope gets short access tokens, and refresh tokens."""

ACCESS_TTL = 2 * 3600
"""Seconds for which the access token of such an app works."""

REFRESH_TTL = 90 * 24 * 3600
"""Seconds for which a refresh token works, and its session is listed."""


@dataclass(frozen=True, slots=True)
class RefreshFamily:
    """A login of an app. `token_id` is that of its newest access token."""

    client_id: str
    user_id: str
    scope: str
    user_agent: str
    secret_sha256: str
    token_id: str
    expires_at: int
    ended: bool = False

    def works(self, client_id: str, now: int) -> bool:
        """Return whether an app may refresh its access token."""
        return self.client_id == client_id and not self.ended and now < self.expires_at

    def rotate(self, secret_sha256: str, new: NextTokens) -> RefreshFamily:
        """Return the family with the next tokens; ended if the secret is not the newest."""
        if self.ended or not compare_digest(self.secret_sha256, secret_sha256):
            return self.end()
        return replace(
            self,
            secret_sha256=new.secret_sha256,
            token_id=new.token_id,
            expires_at=new.expires_at,
        )

    def end(self) -> RefreshFamily:
        """Return the family without a working refresh token."""
        return replace(self, ended=True)


@dataclass(frozen=True, slots=True)
class NextTokens:
    """The tokens that replace those of a family."""

    secret_sha256: str
    token_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as an app holds it: its family, and a secret. Both are random."""

    family: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> RefreshToken:
        """Return the parts of a text; of any other text too."""
        family, _, secret = text.partition(".")
        return cls(family, secret)

    def __str__(self) -> str:
        return f"{self.family}.{self.secret}"
