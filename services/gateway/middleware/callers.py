"""The token of a request, before any route is chosen."""

from __future__ import annotations

from starlette.types import Scope


def bearer_token_of(scope: Scope) -> str:
    """The bearer token in the first `Authorization` header, or an empty string."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.partition(b" ")
            return token.strip().decode("latin-1") if kind.lower() == b"bearer" else ""
    return ""
