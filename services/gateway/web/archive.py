"""The page on which users download an archive of their data, without an app.

A login creates a session: a token for the archive only, valid for six hours, in a session cookie of
this page (`HttpOnly`, `SameSite=Strict`).
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis import telemetry
from services.chassis.errors import Forbidden, NotFound, ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.chassis.security.guards import check_scopes, check_user
from services.chassis.security.token_verifier import TokenVerifier
from services.contracts.data_export import Export
from services.contracts.logins import NewSession
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.web.login_form import login_credentials, retry_form
from services.gateway.web.renderer import PageRenderer

_PAGE = "/auth/archive"
_COOKIE = "archive"
_SCOPE = "read:exports"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page, its forms, and the download."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    page = _ArchivePage(gateway, pages)
    for method, path, handler in (
        ("GET", _PAGE, page.get),
        ("POST", _PAGE, page.log_in),
        ("POST", f"{_PAGE}/request", page.request),
        ("GET", f"{_PAGE}/file", page.download),
        ("POST", f"{_PAGE}/leave", page.log_out),
    ):
        router.add_api_route(path, handler, methods=[method], response_model=None)
    return router


class _ArchivePage:
    """The handlers of the page."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def get(self, request: Request) -> Response:
        """The state of the archive, or the login form."""
        caller = await _session_user(request)
        return await self._page(caller) if caller else self._form()

    async def log_in(self, request: Request) -> Response:
        """Log in."""
        who = login_credentials(await read_params(request))
        try:
            session = await self._gateway.services.auth.open_session(NewSession(**who))
        except ServiceError as failure:
            page = retry_form(failure, partial(self._form, login=who["login"]))
            if page is None:
                raise
            return page
        return self._start_session(session.token)

    async def request(self, request: Request) -> Response:
        """Request an archive."""
        caller = await _session_user(request)
        if caller is None:
            return _redirect()
        try:
            await self._gateway.media.request_export(caller)
        except ServiceError as failure:
            if failure.status != 429:
                raise
            return await self._page(caller, error=failure.message, status=429)
        return _redirect()

    async def download(self, request: Request) -> Response:
        """Download the archive."""
        caller = await _session_user(request)
        return await self._gateway.archives.open(caller) if caller else _redirect()

    async def log_out(self, request: Request) -> Response:
        """Log out: revoke the token, and delete the cookie."""
        if caller := await _session_user(request):
            await self._gateway.services.auth.end_session(caller)
        back = _redirect()
        back.delete_cookie(_COOKIE, _PAGE)
        return back

    def _form(self, *, login: str = "", error: str = "", status: int = 200) -> Response:
        return self._pages.render("archive_login", status=status, login=login, error=error)

    async def _page(self, caller: Caller, *, error: str = "", status: int = 200) -> Response:
        try:
            export: Export | None = await self._gateway.media.export(caller)
        except NotFound:
            export = None
        return self._pages.render(
            "archive", status=status, username=caller.username, export=export, error=error
        )

    def _start_session(self, token: str) -> Response:
        """Redirect to the page with a session."""
        back = _redirect()
        back.set_cookie(
            _COOKIE,
            token,
            path=_PAGE,
            secure=self._gateway.urls.public_url.startswith("https://"),
            httponly=True,
            samesite="strict",
        )
        return back


async def _session_user(request: Request) -> Caller | None:
    """The user of the session, if there is one."""
    token = request.cookies.get(_COOKIE)
    if not token:
        return None
    identity: TokenVerifier = request.app.state.token_verifier
    try:
        caller = check_user(check_scopes(await identity.verify(token), _SCOPE))
    except (Unauthenticated, Forbidden):
        return None
    telemetry.current().user_id = caller.user_id
    return caller


def _redirect() -> Response:
    return RedirectResponse(_PAGE, 303, headers={"cache-control": "no-store"})
