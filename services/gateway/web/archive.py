"""The pages on which users download an archive of their data, without an app.

One is among the settings of the web app. The other works without the web app: a login creates a
session, a token for the archive only, valid for six hours, in a session cookie of this page
(`HttpOnly`, `SameSite=Strict`).
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
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.reading import read_params
from services.gateway.web.login_form import login_credentials, retry_form
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import SignedIn, Viewer

_PAGE = "/auth/archive"
_SETTINGS = "/settings/archive"
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
    router.routes.extend(_settings_routes(page, pages).routes)
    return router


def _settings_routes(page: _ArchivePage, pages: PageRenderer) -> APIRouter:
    """The page for users of the web app."""
    router = APIRouter(
        prefix=_SETTINGS, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )

    @router.get("", response_model=None)
    async def get(viewer: SignedIn) -> Response:
        """The state of the archive."""
        return await page.show(viewer, _SETTINGS)

    @router.post("/request", response_model=None)
    async def request(viewer: SignedIn) -> Response:
        """Request an archive."""
        return await page.request_of(viewer, _SETTINGS)

    @router.get("/file", response_model=None)
    async def download(viewer: SignedIn) -> Response:
        """Download the archive."""
        return await page.file_of(viewer)

    return router


class _ArchivePage:
    """The handlers of the page."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def get(self, request: Request, viewer: Viewer) -> Response:
        """The state of the archive, or the login form. Users of the web app have another page."""
        caller = await _session_user(request)
        if caller is None and viewer is not None:
            return _redirect(_SETTINGS)
        return await self.show(caller, _PAGE) if caller else self._form()

    async def log_in(self, request: Request) -> Response:
        """Log in."""
        who = login_credentials(await read_params(request, most=MAX_CREDENTIAL_BYTES))
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
        return await self.request_of(caller, _PAGE) if caller else _redirect()

    async def download(self, request: Request) -> Response:
        """Download the archive."""
        caller = await _session_user(request)
        return await self.file_of(caller) if caller else _redirect()

    async def log_out(self, request: Request) -> Response:
        """Log out: revoke the token, and delete the cookie."""
        if caller := await _session_user(request):
            await self._gateway.services.auth.end_session(caller)
        back = _redirect()
        back.delete_cookie(_COOKIE, _PAGE)
        return back

    def _form(self, *, login: str = "", error: str = "", status: int = 200) -> Response:
        return self._pages.render("archive_login", status=status, login=login, error=error)

    async def show(
        self, caller: Caller, path: str, *, error: str = "", status: int = 200
    ) -> Response:
        """The state of a user's archive, on the page at a path."""
        try:
            export: Export | None = await self._gateway.media.export(caller)
        except NotFound:
            export = None
        return self._pages.render(
            "archive" if path == _PAGE else "settings_archive",
            viewer=None if path == _PAGE else caller,
            status=status,
            path=path,
            username=caller.username,
            export=export,
            error=error,
        )

    async def request_of(self, caller: Caller, path: str) -> Response:
        """Request an archive on the page at a path."""
        try:
            await self._gateway.media.request_export(caller)
        except ServiceError as failure:
            if failure.status != 429:
                raise
            return await self.show(caller, path, error=failure.message, status=429)
        return _redirect(path)

    async def file_of(self, caller: Caller) -> Response:
        """The archive."""
        return await self._gateway.archives.open(caller)

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


def _redirect(path: str = _PAGE) -> Response:
    return RedirectResponse(path, 303, headers={"cache-control": "no-store"})
