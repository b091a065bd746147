"""Tokens of streams outside the `Authorization` header, which browsers cannot set."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.types import Scope


def with_authorization(scope: Scope) -> Scope:
    """A scope with the token in `Authorization`.

    It is taken from `Authorization`, `?access_token=` or `Sec-WebSocket-Protocol`, in this order.
    """
    if any(name == b"authorization" for name, _ in scope["headers"]):
        return scope
    given = parse_qs(scope["query_string"].decode("latin-1")).get("access_token", [])
    token = next(iter([*given, *scope.get("subprotocols", [])]), "")
    if not token.isascii() or not token.isprintable() or not token:
        return scope
    header = (b"authorization", b"Bearer " + token.encode())
    return {**scope, "headers": [*scope["headers"], header]}
