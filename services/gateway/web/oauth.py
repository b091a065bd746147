"""The OAuth authorization page, and the registration page."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, ServiceError, from_status
from services.chassis.security.caller import Caller
from services.contracts.logins import App, Authorization, RegistrationRequest
from services.gateway.application.failures import log_failure
from services.gateway.application.registration import field_errors, new_registration
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.web.addresses import LOGIN
from services.gateway.web.login_form import code_credentials, code_form, retry_form
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.sessions import begin_session, open_session
from services.gateway.web.texts import Texts
from services.gateway.web.viewer import Viewer

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_AUTHORIZE = "/oauth/authorize"
_SIGN_UP = "/auth/sign_up"
_WEB_ORIGIN = re.compile(r"https?://[\w.-]+(?::\d{1,5})?(?=[/?#]|$)", re.ASCII | re.IGNORECASE)
_APP_SCHEME = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SCOPES = ("read", "write", "follow", "push", "profile", "offline_access")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The parameters of an authorization request, which the form carries along."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    code_challenge: str
    code_challenge_method: str
    response_type: str

    @classmethod
    def of(cls, form: RequestParams) -> AuthorizationRequest:
        """From the query string, or from the hidden fields of the form."""
        return cls(
            client_id=form.string("client_id"),
            redirect_uri=form.string("redirect_uri"),
            scope=form.string("scope") or "read",
            state=form.string("state"),
            code_challenge=form.string("code_challenge"),
            code_challenge_method=form.string("code_challenge_method"),
            response_type=form.string("response_type") or "code",
        )

    @property
    def is_out_of_band(self) -> bool:
        """Whether the user copies the code to the app."""
        return self.redirect_uri == OUT_OF_BAND

    @property
    def fields(self) -> dict[str, str]:
        """The hidden fields of the form."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def form_target(self) -> str:
        """The final redirect target, as a source of a content security policy.

        Empty for what is no such source: the URI is an app's own words.
        """
        if self.is_out_of_band:
            return ""
        web = _WEB_ORIGIN.match(self.redirect_uri)
        scheme = web or _APP_SCHEME.match(self.redirect_uri)
        return scheme[0] if scheme else ""

    def redirect(self, **answer: str) -> Response:
        """Redirect to the app with a result."""
        params = {**answer, **({"state": self.state} if self.state else {})}
        joint = "&" if "?" in self.redirect_uri else "?"
        address = f"{self.redirect_uri}{joint}{urlencode(params)}"
        return RedirectResponse(address, 303, headers={"cache-control": "no-store"})


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The routes of both pages."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    authorize_page = _AuthorizePage(gateway, pages)
    router.add_api_route(_AUTHORIZE, authorize_page.get, methods=["GET"], response_model=None)
    router.add_api_route(_AUTHORIZE, authorize_page.post, methods=["POST"], response_model=None)
    registry = _SignUpPage(gateway, pages)
    router.add_api_route(_SIGN_UP, registry.get, methods=["GET"], response_model=None)
    router.add_api_route(_SIGN_UP, registry.post, methods=["POST"], response_model=None)
    return router


class _AuthorizePage:
    """The page on which users authorize an app."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def get(self, request: Request, viewer: Viewer) -> Response:
        """The form. Users of the web app log in here too: the app gets a token of its own.

        What is wrong with the request is shown: anybody can register an app, so a redirect before
        the user has decided would be an open one (RFC 9700, 4.11.2).
        """
        asked = AuthorizationRequest.of(await read_params(request))
        app = await _app(self._gateway, asked, self._pages.texts)
        await self._gateway.services.auth.grantable(asked.client_id, asked.scope)
        return self._form(asked, app, viewer, login=viewer.username if viewer else "")

    async def post(self, request: Request, viewer: Viewer) -> Response:
        """Authorize or deny the app."""
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        asked = AuthorizationRequest.of(body)
        app = await _app(self._gateway, asked, self._pages.texts)
        if body.string("decision") == "deny":
            return self._error(asked, "access_denied", self._pages.texts("authorize.denied"))
        login = body.string("login").strip()[:320]
        try:
            agent = request.headers.get("user-agent", "")
            factor = code_credentials(body)
            who = {"login": login, "password": body.string("password")[:257], **factor}
            code = await _authorize(self._gateway, asked, who, agent)
        except ServiceError as failure:
            page = code_form(failure, factor["ticket"], partial(self._code_form, asked, viewer))
            return page or self._failure(asked, app, viewer, login, failure)
        if asked.is_out_of_band:
            return self._pages.render("code", viewer=viewer, code=code, app=app)
        return asked.redirect(code=code)

    def _form(
        self,
        asked: AuthorizationRequest,
        app: App,
        viewer: Caller | None,
        *,
        login: str = "",
        error: str = "",
        status: int = 200,
    ) -> Response:
        address = f"{_AUTHORIZE}?{urlencode(asked.fields)}"
        texts = self._pages.texts
        return self._pages.render(
            "authorize",
            viewer=viewer,
            status=status,
            form_targets=[asked.form_target] if asked.form_target else [],
            app=app,
            asked=asked,
            meanings=[
                (scope, _scope_description(texts, scope))
                for scope in dict.fromkeys(asked.scope.split())
            ],
            register=f"{_SIGN_UP}?{urlencode({'next': address})}",
            login=login,
            error=error,
        )

    def _code_form(
        self,
        asked: AuthorizationRequest,
        viewer: Caller | None,
        *,
        ticket: str,
        error: str,
        status: int,
    ) -> Response:
        return self._pages.render(
            "second_factor",
            viewer=viewer,
            status=status,
            form_targets=[asked.form_target] if asked.form_target else [],
            action=_AUTHORIZE,
            fields={**asked.fields, "decision": "allow", "ticket": ticket},
            error=error,
        )

    def _failure(
        self,
        asked: AuthorizationRequest,
        app: App,
        viewer: Caller | None,
        login: str,
        failure: ServiceError,
    ) -> Response:
        """Show the error of a login to the user, and any other error to the app."""
        page = retry_form(failure, partial(self._form, asked, app, viewer, login=login))
        if page is not None:
            return page
        if failure.status in (400, 422):
            return self._error(asked, failure.code, failure.message)
        raise failure

    def _error(self, asked: AuthorizationRequest, code: str, message: str) -> Response:
        """Redirect the error of a sent form to the app, or show it (RFC 6749, 4.1.2.1)."""
        if asked.is_out_of_band:
            return self._pages.error_page(from_status(400, message))
        return asked.redirect(error=code, error_description=message)


class _SignUpPage:
    """The registration page."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def get(self, request: Request, viewer: Viewer) -> Response:
        """The form; users who are logged in are led on."""
        query = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        if viewer is not None:
            return RedirectResponse(_next_url(query) or "/", 303)
        return self._pages.render("register", next=_next_url(query), given={}, faults={}, error="")

    async def post(self, request: Request) -> Response:
        """Register an account."""
        body = await read_params(request, most=MAX_CREDENTIAL_BYTES)
        new = new_registration(body)
        try:
            await self._gateway.services.auth.register(new)
        except ServiceError as failure:
            if failure.status not in (409, 422, 429):
                raise
            by_field = field_errors(failure)
            return self._pages.render(
                "register",
                status=failure.status if failure.status == 429 else 422,
                next=_next_url(body),
                given={"username": new.username, "email": new.email},
                faults=by_field,
                error="" if by_field else failure.message,
            )
        return await self._log_in(request, new, _next_url(body))

    async def _log_in(self, request: Request, new: RegistrationRequest, target: str) -> Response:
        """Log the new user in, and go on to the authorization of an app or to the home page."""
        try:
            token = await open_session(
                self._gateway, request, login=new.username, password=new.password
            )
        except ServiceError as failure:  # the account exists: a login can be tried again
            log_failure(failure)
            return RedirectResponse(target or LOGIN, 303)
        return begin_session(self._gateway, token, target or "/")


async def _app(gateway: Gateway, asked: AuthorizationRequest, texts: Texts) -> App:
    """The requesting app. Raises 400 for a redirect URI or a response type that it cannot have."""
    try:
        app = await gateway.services.auth.app(asked.client_id)
    except NotFound as failure:
        raise from_status(400, texts("authorize.no_app")) from failure
    if asked.redirect_uri not in app.redirect_uris:
        raise from_status(400, texts("authorize.wrong_redirect"))
    if asked.response_type != "code":
        raise from_status(400, texts("authorize.only_code"))
    return app


async def _authorize(
    gateway: Gateway, asked: AuthorizationRequest, who: dict[str, str], user_agent: str
) -> str:
    authorization = Authorization.model_construct(
        client_id=asked.client_id,
        redirect_uri=asked.redirect_uri,
        scope=asked.scope,
        code_challenge=asked.code_challenge,
        code_challenge_method=asked.code_challenge_method,
        user_agent=user_agent,
        login=who["login"],
        password=who["password"],
        ticket=who["ticket"],
        second_factor=who["second_factor"],
    )
    return (await gateway.services.auth.authorize(authorization)).code


def _next_url(form: RequestParams) -> str:
    """The target after the registration: only the authorization page is allowed."""
    address = form.string("next")
    return address if address.startswith(f"{_AUTHORIZE}?") else ""


def _scope_description(texts: Texts, scope: str) -> str:
    section, _, noun = scope.partition(":")
    if section == "admin":
        verb, _, noun = noun.partition(":")
        key = "scopes.admin_see" if verb == "read" else "scopes.admin_change"
        return texts(key, noun=noun or texts("scopes.admin_all"))
    if noun:
        key = "scopes.see" if section == "read" else "scopes.change"
        return texts(key, noun=noun.replace("_", " "))
    return texts(f"scope.{scope}") if scope in _SCOPES else scope
