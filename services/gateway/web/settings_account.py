"""The settings of the account: its address and password, and what holds a token of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from services.chassis.errors import ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.contracts.logins import ActiveSession, NewEmail, NewPassword
from services.gateway.application.failures import log_failure
from services.gateway.application.registration import field_errors
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.errors import public_message, public_status
from services.gateway.http.paths import ACCOUNT_SETTINGS, EMAIL_SETTINGS
from services.gateway.http.reading import read_params
from services.gateway.http.session_cookie import delete_session_cookie
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.sessions import begin_session
from services.gateway.web.settings_forms import Saved, saved
from services.gateway.web.viewer import SignedIn

_SESSIONS = "/settings/sessions"
_Faults = Mapping[str, Sequence[str]]

_PROGRAMS = (
    ("Firefox", r"Firefox/"),
    ("Edge", r"Edg/"),
    ("Opera", r"OPR/"),
    ("Chrome", r"Chrom(e|ium)/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iOS", r"iPhone|iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X"),
    ("Linux", r"Linux|X11"),
)
"""Names by what a user agent has of them. The order counts: most pretend to be others too."""


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The pages of the account and of its sessions."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    router.routes.extend(_password_routes(gateway, pages).routes)
    router.routes.extend(_session_routes(gateway, pages).routes)
    return router


def _password_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    async def show(
        viewer: Caller,
        *,
        status: int = 200,
        faults: _Faults | None = None,
        email_faults: _Faults | None = None,
        typed_email: str = "",
        error: str = "",
        saved: Saved = "",
    ) -> Response:
        return pages.render(
            "settings_account",
            viewer=viewer,
            status=status,
            own=await gateway.services.auth.email(viewer),
            faults=faults or {},
            email_faults=email_faults or {},
            typed_email=typed_email,
            error=error,
            saved=saved,
        )

    @router.get(ACCOUNT_SETTINGS)
    async def ask(viewer: SignedIn, saved: Saved = "") -> Response:
        """The forms of the address and of a new password."""
        return await show(viewer, saved=saved)

    @router.post(EMAIL_SETTINGS)
    async def change_email(request: Request, viewer: SignedIn) -> Response:
        """Have a link sent to another address."""
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        email = body.string("email").strip()[:320]
        new = NewEmail(email=email, current_password=body.string("email_password")[:256])
        try:
            await gateway.services.auth.change_email(new, viewer)
        except Unauthenticated:
            raise
        except ServiceError as failure:
            log_failure(failure)
            by_field, status = field_errors(failure), public_status(failure.status)
            error = "" if by_field else public_message(failure)
            return await show(
                viewer, status=status, email_faults=by_field, typed_email=email, error=error
            )
        return saved(ACCOUNT_SETTINGS, "email")

    @router.post(ACCOUNT_SETTINGS)
    async def change(request: Request, viewer: SignedIn) -> Response:
        """Change the password. All sessions end, and this browser gets a new one.

        Passwords are never sent back, so they are typed again after a fault.
        """
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        new = NewPassword(
            current_password=body.string("current_password")[:256],
            password=body.string("password")[:1000],
        )
        try:
            session = await gateway.services.auth.change_password(new, viewer)
        except Unauthenticated:
            raise
        except ServiceError as failure:
            log_failure(failure)
            by_field, status = field_errors(failure), public_status(failure.status)
            error = "" if by_field else public_message(failure)
            if failure.status >= 500:
                error = pages.texts("settings.password.unknown")
            return await show(viewer, status=status, faults=by_field, error=error)
        return begin_session(gateway, session.token, f"{ACCOUNT_SETTINGS}?saved=password")

    return router


def _session_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(
        prefix=_SESSIONS, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )
    auth = gateway.services.auth

    @router.get("")
    async def sessions(viewer: SignedIn, saved: Saved = "") -> Response:
        """What holds a token of the viewer, the own browser first."""
        found = (await auth.sessions(viewer)).sessions
        shown = [_shown(one) for one in sorted(found, key=lambda one: not one.is_current)]
        return pages.render("settings_sessions", viewer=viewer, sessions=shown, saved=saved)

    @router.post("/revoke_others")
    async def revoke_others(viewer: SignedIn) -> Response:
        """End all sessions but this one, which gets a new token."""
        session = await auth.revoke_other_sessions(viewer)
        return begin_session(gateway, session.token, f"{_SESSIONS}?saved=others")

    @router.post("/{id}/revoke")
    async def revoke(id: str, viewer: SignedIn) -> Response:
        """End one session. The own one leads to the front page."""
        await auth.revoke_session(id, viewer)
        if id != viewer.token_id:
            return saved(_SESSIONS, "one")
        back = Response(status_code=303, headers={"location": "/", "cache-control": "no-store"})
        delete_session_cookie(back)
        return back

    return router


def _shown(session: ActiveSession) -> dict[str, object]:
    """A session as the page shows it."""
    agent = session.user_agent
    program = _first(_PROGRAMS, agent) if session.kind != "app" else ""
    return {
        "id": session.id,
        "kind": session.kind,
        "app_name": session.app_name,
        "website": session.website if session.website.startswith("https://") else "",
        "program": program,
        "system": _first(_SYSTEMS, agent),
        "agent": agent,
        "since": datetime.fromtimestamp(session.created_at, UTC).isoformat(),
        "is_current": session.is_current,
    }


def _first(names: Sequence[tuple[str, str]], agent: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, agent)), "")
