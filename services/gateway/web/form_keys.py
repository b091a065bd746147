"""Idempotency keys of forms."""

from __future__ import annotations

from secrets import token_urlsafe


def new_key() -> str:
    """A new key, for one form."""
    return token_urlsafe(16)
