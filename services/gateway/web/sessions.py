"""Logging in to the web app, and out of it."""

from __future__ import annotations

from functools import partial
from typing import Literal

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import ServiceError
from services.contracts.logins import NewSession
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.reading import read_params
from services.gateway.http.session_cookie import delete_session_cookie, set_session_cookie
from services.gateway.web.addresses import LOGIN, local_address
from services.gateway.web.login_form import (
    code_credentials,
    code_form,
    login_credentials,
    retry_form,
)
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import Viewer


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The login page and its forms."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    def form(
        target: str,
        *,
        login: str = "",
        error: str = "",
        status: int = 200,
        is_reset: bool = False,
    ) -> Response:
        return pages.render(
            "login", status=status, next=target, login=login, error=error, is_reset=is_reset
        )

    def ask_code(target: str, *, ticket: str, error: str, status: int) -> Response:
        fields = {"next": target, "ticket": ticket}
        return pages.render(
            "second_factor", status=status, action=LOGIN, fields=fields, error=error
        )

    @router.get(LOGIN)
    async def ask(
        viewer: Viewer,
        next: str = "/",  # noqa: A002 (the name in the URL)
        new_password: Literal["", "1"] = "",
    ) -> Response:
        """The form; users who are logged in are led on."""
        target = local_address(next)
        if viewer:
            return RedirectResponse(target, 303)
        return form(target, is_reset=bool(new_password))

    @router.post(LOGIN)
    async def log_in(request: Request) -> Response:
        """Log in, and go on to the page that was asked for."""
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        target = local_address(body.string("next"))
        who, factor = login_credentials(body), code_credentials(body)
        try:
            token = await open_session(gateway, request, **who, **factor)
        except ServiceError as failure:
            page = code_form(failure, factor["ticket"], partial(ask_code, target))
            page = page or retry_form(failure, partial(form, target, login=who["login"]))
            if page is None:
                raise
            return page
        return begin_session(gateway, token, target)

    @router.post("/logout")
    async def log_out(viewer: Viewer) -> Response:
        """Revoke the token of the session, and delete the cookie."""
        if viewer is not None:
            await gateway.services.auth.end_session(viewer)
        back = RedirectResponse("/", 303, headers={"cache-control": "no-store"})
        delete_session_cookie(back)
        return back

    return router


async def open_session(gateway: Gateway, request: Request, **credentials: str) -> str:
    """The token of a new session of the web app. Raises what auth raises for a wrong login.

    `credentials` are fields of `NewSession`: login and password, or ticket and code.
    """
    agent = request.headers.get("user-agent", "")
    new = NewSession.model_validate({**credentials, "kind": "web", "user_agent": agent})
    return (await gateway.services.auth.open_session(new)).token


def begin_session(gateway: Gateway, token: str, target: str) -> Response:
    """A redirect to a page, with the cookie of a session."""
    response = RedirectResponse(target, 303, headers={"cache-control": "no-store"})
    set_session_cookie(response, token, gateway.urls.public_url)
    return response
