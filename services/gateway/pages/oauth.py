"""Logging in to an app, and registering: the two forms that people fill in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, ServiceError, from_status
from services.contracts.logins import App, Authorization
from services.gateway.application.registration import field_errors, new_registration
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.pages.login_form import retry_form
from services.gateway.pages.renderer import PageRenderer

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_AUTHORIZE = "/oauth/authorize"
_SIGN_UP = "/auth/sign_up"
_SCOPE_DESCRIPTIONS = {
    "read": "see everything that you can see",
    "write": "post, change and delete in your name",
    "follow": "follow, mute and block in your name",
    "push": "send you notifications",
    "profile": "see who you are",
}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What an app asks for, carried through the form."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    code_challenge: str
    code_challenge_method: str
    response_type: str

    @classmethod
    def of(cls, form: RequestParams) -> AuthorizationRequest:
        """From the address, or from the form's hidden fields."""
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
        """Whether the person carries the code to the app by hand."""
        return self.redirect_uri == OUT_OF_BAND

    @property
    def fields(self) -> dict[str, str]:
        """What the form must carry along."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def form_target(self) -> str:
        """Where the form leads to in the end, as a source of a content security policy."""
        parts = urlsplit(self.redirect_uri)
        if self.is_out_of_band:
            return ""
        if parts.scheme in ("http", "https"):
            return f"{parts.scheme}://{parts.netloc}"
        return f"{parts.scheme}:"

    def redirect(self, **answer: str) -> Response:
        """Back to the app, with an answer."""
        told = {**answer, **({"state": self.state} if self.state else {})}
        joint = "&" if "?" in self.redirect_uri else "?"
        address = f"{self.redirect_uri}{joint}{urlencode(told)}"
        return RedirectResponse(address, 303, headers={"cache-control": "no-store"})


def create_router(gateway: Gateway, paper: PageRenderer) -> APIRouter:
    """The two forms."""
    router = APIRouter(tags=["pages"], route_class=paper.route_class(), include_in_schema=False)
    door = _AuthorizePage(gateway, paper)
    router.add_api_route(_AUTHORIZE, door.get, methods=["GET"], response_model=None)
    router.add_api_route(_AUTHORIZE, door.post, methods=["POST"], response_model=None)
    registry = _SignUpPage(gateway, paper)
    router.add_api_route(_SIGN_UP, registry.get, methods=["GET"], response_model=None)
    router.add_api_route(_SIGN_UP, registry.post, methods=["POST"], response_model=None)
    return router


class _AuthorizePage:
    """The form by which somebody lets an app in."""

    def __init__(self, gateway: Gateway, paper: PageRenderer) -> None:
        self._gateway = gateway
        self._paper = paper

    async def get(self, request: Request) -> Response:
        """Show the form."""
        asked = AuthorizationRequest.of(await read_params(request))
        app = await _app(self._gateway, asked)
        if asked.response_type != "code":
            return self._error(asked, "unsupported_response_type", "Only codes are given.")
        try:
            await self._gateway.services.auth.grantable(asked.client_id, asked.scope)
        except ServiceError as failure:
            return self._failure(asked, app, "", failure)
        return self._form(asked, app)

    async def post(self, request: Request) -> Response:
        """Somebody let the app in, or did not."""
        body = await read_params(request)
        asked = AuthorizationRequest.of(body)
        app = await _app(self._gateway, asked)
        if body.string("decision") == "deny":
            return self._error(asked, "access_denied", "You did not let the app in.")
        login = body.string("login").strip()[:320]
        try:
            code = await _authorize(self._gateway, asked, login, body.string("password"))
        except ServiceError as failure:
            return self._failure(asked, app, login, failure)
        if asked.is_out_of_band:
            return self._paper.render("code", code=code, app=app)
        return asked.redirect(code=code)

    def _form(
        self,
        asked: AuthorizationRequest,
        app: App,
        *,
        login: str = "",
        error: str = "",
        status: int = 200,
    ) -> Response:
        address = f"{_AUTHORIZE}?{urlencode(asked.fields)}"
        return self._paper.render(
            "authorize",
            status=status,
            form_targets=[asked.form_target] if asked.form_target else [],
            app=app,
            asked=asked,
            meanings=[
                (scope, _scope_description(scope)) for scope in dict.fromkeys(asked.scope.split())
            ],
            register=f"{_SIGN_UP}?{urlencode({'next': address})}",
            login=login,
            error=error,
        )

    def _failure(
        self, asked: AuthorizationRequest, app: App, login: str, failure: ServiceError
    ) -> Response:
        """What auth refuses is the person's to mend, or the app's."""
        page = retry_form(failure, partial(self._form, asked, app, login=login))
        if page is not None:
            return page
        if failure.status in (400, 422):
            return self._error(asked, failure.code, failure.message)
        raise failure

    def _error(self, asked: AuthorizationRequest, code: str, message: str) -> Response:
        """Tell the app, or where it cannot be told, the person (RFC 6749, 4.1.2.1)."""
        if asked.is_out_of_band:
            return self._paper.error_page(from_status(400, message))
        return asked.redirect(error=code, error_description=message)


class _SignUpPage:
    """The form by which somebody registers."""

    def __init__(self, gateway: Gateway, paper: PageRenderer) -> None:
        self._gateway = gateway
        self._paper = paper

    async def get(self, request: Request) -> Response:
        """Show the form."""
        query = await read_params(request)
        return self._paper.render("register", next=_next_url(query), given={}, faults={}, error="")

    async def post(self, request: Request) -> Response:
        """Somebody filled it in."""
        body = await read_params(request)
        new = new_registration(body)
        try:
            await self._gateway.services.auth.register(new)
        except ServiceError as failure:
            if failure.status not in (409, 422, 429):
                raise
            by_field = field_errors(failure)
            return self._paper.render(
                "register",
                status=failure.status if failure.status == 429 else 422,
                next=_next_url(body),
                given={"username": new.username, "email": new.email},
                faults=by_field,
                error="" if by_field else failure.message,
            )
        return self._paper.render("registered", username=new.username, next=_next_url(body))


async def _app(gateway: Gateway, asked: AuthorizationRequest) -> App:
    """The app that asks. Nobody is ever sent to an address that is not the app's own."""
    try:
        app = await gateway.services.auth.app(asked.client_id)
    except NotFound as failure:
        raise from_status(400, "No app is known under this client id.") from failure
    if asked.redirect_uri not in app.redirect_uris:
        raise from_status(400, "The redirect URI is not one that the app registered.")
    return app


async def _authorize(
    gateway: Gateway, asked: AuthorizationRequest, login: str, password: str
) -> str:
    authorization = Authorization.model_construct(
        client_id=asked.client_id,
        redirect_uri=asked.redirect_uri,
        scope=asked.scope,
        code_challenge=asked.code_challenge,
        code_challenge_method=asked.code_challenge_method,
        login=login,
        password=password[:257],
    )
    return (await gateway.services.auth.authorize(authorization)).code


def _next_url(form: RequestParams) -> str:
    """Where to go on after registering: only ever back to the form of the app."""
    address = form.string("next")
    return address if address.startswith(f"{_AUTHORIZE}?") else ""


def _scope_description(scope: str) -> str:
    section, _, noun = scope.partition(":")
    if section == "admin":
        verb, _, noun = noun.partition(":")
        what = noun or "accounts and reports"
        return f"{'see' if verb == 'read' else 'decide on'} all {what}, as an admin"
    if noun:
        verb = "see" if section == "read" else "change"
        return f"{verb} your {noun.replace('_', ' ')}"
    return _SCOPE_DESCRIPTIONS.get(scope, scope)
