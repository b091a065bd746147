"""Authorization codes, and PKCE (RFC 7636): only the client that requested one can redeem it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from hmac import compare_digest

from services.auth.domain.errors import InvalidGrant, InvalidRequest

CODE_TTL = 600
"""Seconds."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class AuthorizationGrant:
    """What a code authorizes. `token_id` is the token issued for it, empty before that.

    `family` is that of its refresh tokens. `user_agent` is that of the browser in which the user
    logged in.
    """

    client_id: str
    user_id: str
    username: str
    redirect_uri: str
    scope: str
    challenge: str
    expires_at: int
    token_id: str = ""
    token_expires_at: int = 0
    user_agent: str = ""
    family: str = ""

    @property
    def issued_at(self) -> int:
        """When the user logged in, in seconds since 1970."""
        return self.expires_at - CODE_TTL


class CodeReused(InvalidGrant):
    """A code was used twice, so it may be stolen. Its token must be revoked (RFC 6749, 4.1.2)."""

    def __init__(self, grant: AuthorizationGrant) -> None:
        super().__init__("The authorization code was used before.")
        self.user_id = grant.user_id
        self.token_id = grant.token_id
        self.expires_at = grant.token_expires_at
        self.family = grant.family


@dataclass(frozen=True, slots=True)
class CodeRedemption:
    """A request for a token for a code."""

    client_id: str
    redirect_uri: str
    verifier: str
    token_id: str
    token_expires_at: int
    family: str = ""


def validate_challenge(challenge: str, method: str) -> None:
    """Raise `InvalidRequest` unless the method is S256, or PKCE is not used.

    No method means `plain` (RFC 7636, 4.3), which does not protect a request that is readable.
    """
    if not challenge and not method:
        return
    if method != "S256":
        raise InvalidRequest("The code challenge method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("The code challenge must be 43 characters of base64url.")


def redeem(
    grant: AuthorizationGrant | None, redemption: CodeRedemption, now: int
) -> AuthorizationGrant:
    """Return the grant as used. Raises `InvalidGrant`, or `CodeReused`.

    A wrong verifier does not use the code up: knowing the code alone must not suffice to spoil it.
    """
    if grant is None or grant.client_id != redemption.client_id:
        raise InvalidGrant("The authorization code is unknown, or was issued to another client.")
    if grant.token_id:
        raise CodeReused(grant)
    if now >= grant.expires_at:
        raise InvalidGrant("The authorization code has expired.")
    if redemption.redirect_uri != grant.redirect_uri:
        raise InvalidGrant("The redirect URI differs from the one in the request for the code.")
    _check_verifier(grant.challenge, redemption.verifier)
    return replace(
        grant,
        token_id=redemption.token_id,
        token_expires_at=redemption.token_expires_at,
        family=redemption.family,
    )


def _check_verifier(challenge: str, verifier: str) -> None:
    if not challenge and not verifier:
        return
    if not challenge:  # otherwise PKCE could be stripped from the request (RFC 9700, 2.1.1)
        raise InvalidGrant("The code was requested without a challenge, so it has no verifier.")
    if not _VERIFIER.fullmatch(verifier) or not compare_digest(s256_challenge(verifier), challenge):
        raise InvalidGrant("The code verifier does not match the challenge.")


def s256_challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
