"""The routes of sessions and passwords, which serve the pages of the gateway."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from services.auth.api.parameters import NO_CONTENT, WebReader, WebWriter, new_router
from services.auth.application.passwords import PasswordService
from services.auth.application.session_registry import ListedSession
from services.auth.application.sessions import SessionService
from services.auth.application.tokens import SignedToken
from services.auth.domain.scopes import SESSION_SCOPE
from services.chassis.http.openapi import error_responses
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.logins import (
    ActiveSession,
    ActiveSessions,
    NewPassword,
    NewSession,
    Session,
)

SessionCaller = Annotated[Caller, Depends(require_user(SESSION_SCOPE))]
SessionId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["kQ1zXo2mQkZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Y"]
    ),
]


def create_router(sessions: SessionService, passwords: PasswordService) -> APIRouter:
    """Return the routes of sessions and passwords."""
    router = new_router("sessions")

    @router.post("/sessions", responses=error_responses(401, 403, 422, 429))
    async def begin_session(form: NewSession) -> Session:
        """Log a user in to the web app, or to the page of archives.

        A registration on a page is followed by this route, with the same credentials.
        """
        return _session(await sessions.begin(form))

    @router.post("/sessions/end", responses=NO_CONTENT | error_responses(401, 403))
    async def end_session(caller: SessionCaller) -> dict[str, str]:
        """Log the user out: revoke the session's token. The token of another app stays valid."""
        await sessions.end(caller.token)
        return {}

    @router.get("/sessions", responses=error_responses(401))
    async def list_sessions(caller: WebReader) -> ActiveSessions:
        """Return everything that holds a valid token of the user, newest first.

        Three state calls. Tokens from before this list existed are not in it.
        """
        listed = await sessions.list_sessions(caller.user_id)
        return ActiveSessions(sessions=[_active_session(one, caller) for one in listed])

    @router.post(
        "/sessions/{session_id}/revoke", responses=NO_CONTENT | error_responses(401, 403, 422)
    )
    async def revoke_session(session_id: SessionId, caller: WebWriter) -> dict[str, str]:
        """End one session of the user, also an app's. One that is not listed is no error."""
        await sessions.revoke(caller.user_id, session_id)
        return {}

    @router.post("/sessions/revoke_others", responses=error_responses(401, 403, 404, 429))
    async def revoke_other_sessions(caller: WebWriter) -> Session:
        """End all sessions of the user, also unlisted ones, and begin a new one for the caller.

        The token of the caller stops working as all others do; the response replaces it.
        """
        return _session(await sessions.end_others(caller))

    @router.post("/passwords", responses=error_responses(401, 403, 404, 409, 422, 429))
    async def change_password(form: NewPassword, caller: WebWriter) -> Session:
        """Change the user's password, and end all sessions as `/sessions/revoke_others` does.

        The `details` of a 422 say for each field what is wrong with it. A 409 means that another
        change came first.
        """
        return _session(await passwords.change(caller, form))

    return router


def _session(signed: SignedToken) -> Session:
    return Session(token=signed.token, expires_at=signed.access_token.expires_at)


def _active_session(listed: ListedSession, caller: Caller) -> ActiveSession:
    record, app = listed.record, listed.app
    return ActiveSession(
        id=record.token_id,
        kind=record.kind,
        app_name=app.name if app else "",
        website=app.website if app else "",
        created_at=record.created_at,
        expires_at=record.expires_at,
        user_agent=record.user_agent,
        is_current=record.token_id == caller.token_id,
    )
