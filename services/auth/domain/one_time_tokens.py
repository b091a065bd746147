"""One-time tokens, which links in mails carry. Only their hash is stored, in the user document."""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from services.auth.domain.clients import sha256_hex
from services.auth.domain.errors import InvalidLink

RESET_TTL = 3600
"""Seconds for which a link to a new password works."""

CONFIRMATION_TTL = 3 * 24 * 3600
"""Seconds for which a link that confirms an address works."""


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """The hash of a token of 256 random bits, and its end in seconds since 1970."""

    sha256: str
    expires_at: int


def new_one_time_token(token: str, expires_at: int) -> OneTimeToken:
    """Return what is stored of a token."""
    return OneTimeToken(sha256_hex(token), expires_at)


def check_one_time_token(kept: OneTimeToken | None, token: str, now: int) -> None:
    """Raise `InvalidLink` unless this is the token, and it has not expired."""
    if kept is None or now >= kept.expires_at:
        raise InvalidLink
    if not compare_digest(kept.sha256, sha256_hex(token)):
        raise InvalidLink
