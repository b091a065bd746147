"""Renders pages: templates, texts, a strict content security policy, errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse

from services.chassis.errors import (
    Forbidden,
    NotFound,
    RateLimited,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from services.chassis.http.responses import ErrorRenderer
from services.chassis.security.caller import Caller
from services.contracts import limits
from services.contracts.texts import clean_prose
from services.gateway.application.failures import log_failure
from services.gateway.http.errors import TOO_MANY_REQUESTS, public_message, public_status
from services.gateway.http.origin import Origin, origin_of
from services.gateway.http.own_hosts import OwnHosts
from services.gateway.http.reading import has_sent_fields, read_params, sent_fields
from services.gateway.http.session_cookie import session_token
from services.gateway.web.addresses import login_address
from services.gateway.web.form_keys import new_key
from services.gateway.web.post_cards import PostCards
from services.gateway.web.static_files import StaticFiles
from services.gateway.web.texts import Texts
from services.gateway.web.viewer import LOGIN_REQUIRED, viewer_of_error

_TITLED = (400, 401, 403, 404, 429)
_MAX_CHOICE = 100  # characters of an id, a key or a choice in a form


class SentField(NamedTuple):
    """A field of a form that was sent. `is_text`: it can be changed before it is sent again."""

    name: str
    value: str
    is_text: bool


class SentForm(NamedTuple):
    """A form that was not accepted, to be sent again.

    `is_lost`: it may have taken effect. `needs_login`: the session has ended.
    """

    action: str
    fields: list[SentField]
    is_lost: bool
    needs_login: bool


class PageRenderer:
    """Renders the templates."""

    def __init__(
        self, site: str, public_url: str, hosts: OwnHosts, *, has_mail: bool = False
    ) -> None:
        self.texts = Texts()
        self.files = StaticFiles(self.texts)
        self._hosts = hosts
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.post_cards = PostCards(self._templates)
        self._templates.globals |= {
            "site": site,
            "public_url": public_url,
            "has_mail": has_mail,
            "t": self.texts,
            "limits": limits,
            "file": self.files.address,
            "new_key": new_key,
            "post_card": self.post_cards.render,
            "modules": self.files.modules("app.js"),
        }

    def render(
        self,
        name: str,
        *,
        viewer: Caller | None = None,
        status: int = 200,
        store: bool = False,
        form_targets: Sequence[str] = (),
        **shown: Any,
    ) -> Response:
        """A page. `viewer` is the user of the session.

        With `store` strangers' browsers keep it for some seconds. `form_targets` are further
        origins that its form may redirect to.
        """
        html = self._templates.get_template(f"{name}.html").render(viewer=viewer, **shown)
        is_public = store and viewer is None
        headers = {
            "content-security-policy": _policy(form_targets),
            "cache-control": "public, max-age=10" if is_public else "private, no-store",
        }
        if is_public:
            headers["vary"] = "Cookie"
        return Response(html, status, headers, media_type="text/html")

    def error_page(
        self,
        failure: ServiceError,
        viewer: Caller | None = None,
        form: SentForm | None = None,
        *,
        is_plain: bool = False,
    ) -> Response:
        """An error page; with a form that was sent it offers to send it again.

        `is_plain`: the bar has only the brand, for where it is not known who looks at the page.
        """
        status = public_status(failure.status) if failure.status < 500 else 503
        title = self.texts(f"error.{status if status in _TITLED else 'other'}.title")
        message = public_message(failure)
        return self.render(
            "error",
            viewer=viewer,
            status=status,
            title=title,
            message=message,
            form=form,
            is_plain=is_plain,
        )

    def html_errors(self, render: ErrorRenderer) -> ErrorRenderer:
        """An error renderer that shows 404, 429 and our own faults as pages to browsers."""

        def rendered(connection: HTTPConnection, failure: ServiceError) -> Response:
            asked = connection.headers.get("accept", "")
            is_page = not connection.scope["path"].startswith("/api/")
            if is_page and asked.startswith("text/html"):
                if failure.status == 404:
                    failure = NotFound(self.texts("error.404.text"))
                elif failure is TOO_MANY_REQUESTS:
                    failure = RateLimited(self.texts("error.429.text"))
                if failure.status in (404, 429) or failure.status >= 500:
                    return self.error_page(failure, is_plain=True)
            return render(connection, failure)

        return rendered

    def route_class(self) -> type[APIRoute]:
        """A route class for pages and their forms.

        Errors are pages, strangers are led to the login page where one is needed, and a form that
        another site sends is refused.
        """
        renderer = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def handler(request: Request) -> Response:
                    try:
                        renderer.check_origin(request)
                        return await handle(request)
                    except ServiceError as failure:
                        if _needs_login(request, failure):
                            return await renderer.login_needed(request)
                        log_failure(failure)
                        form = _form_to_repeat(request, failure)
                        return renderer.error_page(failure, await viewer_of_error(request), form)
                    except RequestValidationError:
                        wrong = ServiceError(renderer.texts("error.parameter"))
                        wrong.status = 400
                        return renderer.error_page(wrong, await viewer_of_error(request))

                return handler

        return PageRoute

    async def login_needed(self, request: Request) -> Response:
        """A redirect to the login; for a form of a session that ended, a page that keeps it."""
        ended = Unauthenticated(self.texts("error.session_ended"))
        if session_token(request) and not has_sent_fields(request):
            try:
                await read_params(request)
            except ServiceError:  # it has files, or is no form
                return RedirectResponse(login_address(request), 303)
        form = _form_to_repeat(request, ended)
        if form is None:
            return RedirectResponse(login_address(request), 303)
        return self.error_page(ended, None, form, is_plain=True)

    def check_origin(self, request: Request) -> None:
        """Raise `Forbidden` for a form that a browser sends from another site.

        A form with a cookie must say that it is of this one. Programs have none.
        """
        if request.method in ("GET", "HEAD"):
            return
        origin = origin_of(request, self._hosts)
        if origin is Origin.OTHER or (origin is Origin.UNKNOWN and request.cookies):
            raise Forbidden(self.texts("error.foreign_form"))


def _shown(value: Any) -> Any:
    """What a template shows of a value: no text turns what stands around it."""
    return clean_prose(value) if type(value) is str else value  # what is markup was cleaned before


def _needs_login(request: Request, failure: ServiceError) -> bool:
    """Whether a page is for users, or a session ended while it was made."""
    if failure.code == LOGIN_REQUIRED:
        return True
    return isinstance(failure, Unauthenticated) and bool(session_token(request))


def _form_to_repeat(request: Request, failure: ServiceError) -> SentForm | None:
    """The form to offer again after a fault. Passwords are never sent to a browser.

    A form of another site is not read, so it is never offered. What was refused has to be changed
    first, so its texts can be.
    """
    fields = sent_fields(request) if request.method == "POST" else []
    if not fields or any("password" in name for name, _ in fields):
        return None
    needs_login = failure.status == Unauthenticated.status
    is_refused = failure.status < 500 and not needs_login
    return SentForm(
        quote(request.url.path),
        [SentField(name, value, is_refused and _is_text(value)) for name, value in fields],
        is_lost=failure.status >= 500 and failure.status != Unavailable.status,
        needs_login=needs_login,
    )


def _is_text(value: str) -> bool:
    """Whether a value was typed, and is no id, key or choice."""
    return len(value) > _MAX_CHOICE or len(value.split()) > 1


def _policy(form_targets: Sequence[str]) -> str:
    """The content security policy: our own files only, nothing inline, no frames.

    `blob:` is for previews of pictures that are about to be uploaded. Browsers apply `form-action`
    to redirects after a form too, so it must name the app's origin.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            " ".join(("form-action 'self'", *form_targets)),
        )
    )
