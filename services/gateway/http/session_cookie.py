"""The session cookie of the web app. Its value is the access token of the web app for a user."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

SESSION_COOKIE = "session"
_HAS_SESSION = "has_session"
MAX_AGE = 365 * 24 * 3600
"""Seconds for which browsers keep the cookie. The token in it may end before."""


def session_token(connection: HTTPConnection) -> str:
    """The token in the cookie, or an empty string."""
    return connection.cookies.get(SESSION_COOKIE, "")


def with_session(scope: Scope, token: str) -> Scope:
    """A request whose bearer token is that of its session, in place of what a proxy asks for."""
    header = (b"authorization", b"Bearer " + token.encode("latin-1", "replace"))
    headers = [*((name, value) for name, value in scope["headers"] if name != header[0]), header]
    return {**scope, "headers": headers, "state": {**scope.get("state", {}), _HAS_SESSION: True}}


def has_session(scope: Scope) -> bool:
    """Whether the bearer token of a request is that of its session, and not of an app."""
    return bool(scope.get("state", {}).get(_HAS_SESSION))


def set_session_cookie(response: Response, token: str, public_url: str) -> None:
    """Begin a session. Scripts cannot read the cookie, nor can other sites send forms with it."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=MAX_AGE,
        secure=public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def delete_session_cookie(response: Response) -> None:
    """End a session in the browser."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")
