"""The session cookie of the web app. Its value is the access token of the web app for a user."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION_COOKIE = "session"
MAX_AGE = 365 * 24 * 3600
"""Seconds for which browsers keep the cookie. The token in it may end before."""


def session_token(connection: HTTPConnection) -> str:
    """The token in the cookie, or an empty string."""
    return connection.cookies.get(SESSION_COOKIE, "")


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
