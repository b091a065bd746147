"""Renders pages: templates, a strict content security policy, errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import HTTPConnection

from services.chassis.errors import NotFound, ServiceError
from services.chassis.http.responses import ErrorRenderer
from services.gateway.application.failures import log_failure
from services.gateway.http.errors import public_message

_TITLES = {
    400: "Bad request",
    401: "You are not signed in",
    403: "Access denied",
    404: "Page not found",
    429: "Too many requests",
}


class PageRenderer:
    """Renders the templates."""

    def __init__(self, site: str, public_url: str) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"site": site, "public_url": public_url}

    def render(
        self,
        name: str,
        *,
        status: int = 200,
        store: bool = False,
        form_targets: Sequence[str] = (),
        **shown: Any,
    ) -> Response:
        """A page. `form_targets` are further origins that its form may redirect to."""
        html = self._templates.get_template(f"{name}.html").render(**shown)
        headers = {
            "content-security-policy": _policy(form_targets),
            "cache-control": "public, max-age=10" if store else "no-store",
        }
        return Response(html, status, headers, media_type="text/html")

    def error_page(self, failure: ServiceError) -> Response:
        """An error page."""
        status = 503 if failure.status >= 500 else failure.status
        title = _TITLES.get(status, "Something went wrong")
        return self.render("error", status=status, title=title, message=public_message(failure))

    def html_errors(self, render: ErrorRenderer) -> ErrorRenderer:
        """An error renderer that shows 404 and 429 as pages to browsers."""

        def rendered(connection: HTTPConnection, failure: ServiceError) -> Response:
            asked = connection.headers.get("accept", "")
            is_page = not connection.scope["path"].startswith("/api/")
            if is_page and asked.startswith("text/html"):
                if failure.status == 404:
                    return self.error_page(NotFound("There is no such page."))
                if failure.status == 429:
                    return self.error_page(failure)
            return render(connection, failure)

        return rendered

    def route_class(self) -> type[APIRoute]:
        """A route class whose errors are pages."""
        renderer = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def handler(request: Request) -> Response:
                    try:
                        return await handle(request)
                    except ServiceError as failure:
                        log_failure(failure)
                        return renderer.error_page(failure)
                    except RequestValidationError:
                        wrong = ServiceError("A parameter in the URL is missing or invalid.")
                        wrong.status = 400
                        return renderer.error_page(wrong)

                return handler

        return PageRoute


def _policy(form_targets: Sequence[str]) -> str:
    """The content security policy: no scripts, nothing from other origins, no frames.

    Browsers apply `form-action` to redirects after a form too, so it must name the app's origin.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            " ".join(("form-action 'self'", *form_targets)),
        )
    )
