"""Who sends a request, before any route is chosen."""

from __future__ import annotations

from hmac import compare_digest

from starlette.types import Scope


def bearer_token_of(scope: Scope) -> str:
    """The bearer token in the first `Authorization` header, or an empty string."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.partition(b" ")
            return token.strip().decode("latin-1") if kind.lower() == b"bearer" else ""
    return ""


def is_own_sidecar(scope: Scope, app_token: bytes) -> bool:
    """Whether a request has the app token of the gateway's sidecar, which operators use too."""
    given = next((value for name, value in scope["headers"] if name == b"dapr-api-token"), b"")
    return bool(given and app_token and compare_digest(given, app_token))
