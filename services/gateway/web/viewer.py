"""Who looks at a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from services.chassis.errors import ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user_of_any_scope
from services.gateway.http.session_cookie import has_session

LOGIN_REQUIRED = "login_required"
"""The code of the error that leads to the login page."""


async def _viewer(connection: HTTPConnection) -> Caller | None:
    """The user of the session; None for a stranger.

    Only the cookie counts: a third-party app with a token of a user gets no pages of theirs.
    """
    if not has_session(connection.scope):
        return None
    return await optional_user_of_any_scope(connection)


async def _signed_in(connection: HTTPConnection) -> Caller:
    """The user of the session. Raises `Unauthenticated`, which leads to the login page."""
    caller = await _viewer(connection)
    if caller is None or not caller.user_id:
        raise Unauthenticated(LOGIN_REQUIRED, code=LOGIN_REQUIRED)
    return caller


async def viewer_of_error(connection: HTTPConnection) -> Caller | None:
    """The user of the session for an error page; None if the session has ended."""
    try:
        return await _viewer(connection)
    except ServiceError:
        return None


Viewer = Annotated[Caller | None, Depends(_viewer)]
"""The user of the session, or None."""

SignedIn = Annotated[Caller, Depends(_signed_in)]
"""The user of the session. Strangers are led to the login page."""
