"""The page on which somebody gets an archive of all that they have, without an app.

Who logs in here has a session: a token that is good for their archive alone, for six hours, in a
cookie that only this page gets (`HttpOnly`, `SameSite=Strict`) and that goes with the browser.
Forms that a browser says come from elsewhere are refused: other sites of the same domain could send
the cookie along.
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
from services.gateway.application.archive_download import ArchiveDownloads
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.pages.login_form import login_credentials, retry_form
from services.gateway.pages.renderer import PageRenderer

_PAGE = "/auth/archive"
_COOKIE = "archive"
_SCOPE = "read:exports"
_SAME_ORIGIN = ("", "same-origin", "none")


def create_router(gateway: Gateway, paper: PageRenderer, downloads: ArchiveDownloads) -> APIRouter:
    """The page, its forms, and the archive itself."""
    router = APIRouter(tags=["pages"], route_class=paper.route_class(), include_in_schema=False)
    counter = _ArchivePage(gateway, paper, downloads)
    for method, path, handler in (
        ("GET", _PAGE, counter.get),
        ("POST", _PAGE, counter.log_in),
        ("POST", f"{_PAGE}/request", counter.request),
        ("GET", f"{_PAGE}/file", counter.download),
        ("POST", f"{_PAGE}/leave", counter.log_out),
    ):
        router.add_api_route(path, handler, methods=[method], response_model=None)
    return router


class _ArchivePage:
    """Where somebody asks for their archive, and gets it."""

    def __init__(self, gateway: Gateway, paper: PageRenderer, downloads: ArchiveDownloads) -> None:
        self._gateway = gateway
        self._paper = paper
        self._downloads = downloads

    async def get(self, request: Request) -> Response:
        """How far it is; for who is not logged in, the form to do so."""
        caller = await _session_user(request)
        return await self._page(caller) if caller else self._form()

    async def log_in(self, request: Request) -> Response:
        """Somebody says who they are."""
        _check_origin(request)
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
        """Somebody asks for an archive."""
        _check_origin(request)
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
        """The archive, once it is there."""
        caller = await _session_user(request)
        return await self._downloads.open(caller) if caller else _redirect()

    async def log_out(self, request: Request) -> Response:
        """The session's token is good no more, and forgotten."""
        _check_origin(request)
        if caller := await _session_user(request):
            await self._gateway.services.auth.end_session(caller)
        back = _redirect()
        back.delete_cookie(_COOKIE, _PAGE)
        return back

    def _form(self, *, login: str = "", error: str = "", status: int = 200) -> Response:
        return self._paper.render("archive_login", status=status, login=login, error=error)

    async def _page(self, caller: Caller, *, error: str = "", status: int = 200) -> Response:
        try:
            export: Export | None = await self._gateway.media.export(caller)
        except NotFound:
            export = None
        return self._paper.render(
            "archive", status=status, username=caller.username, export=export, error=error
        )

    def _start_session(self, token: str) -> Response:
        """To the page, with a session."""
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
    """Who is logged in."""
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


def _check_origin(request: Request) -> None:
    """Raises `Forbidden` for a form of another site, as far as the browser says so."""
    if request.headers.get("sec-fetch-site", "") not in _SAME_ORIGIN:
        raise Forbidden("This form was not sent from here.")


def _redirect() -> Response:
    return RedirectResponse(_PAGE, 303, headers={"cache-control": "no-store"})
