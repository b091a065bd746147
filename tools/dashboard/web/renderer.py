"""Renders pages: templates, errors as pages, and a version of each page."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tools.dashboard.web import formats
from tools.runner.errors import RunnerError

log = logging.getLogger(__name__)

FILES = Path(__file__).parent / "static"
"""Style sheet, scripts and icon."""

PLACES = {
    "resources": "Resources",
    "logs": "Logs",
    "traces": "Traces",
    "dapr": "Dapr",
    "map": "Map",
    "metrics": "Metrics",
}
"""The pages of the bar, with their titles."""


READ_ONLY = "This is an exported run: nothing of it is running."

_TITLES = {
    403: "This cannot be changed",
    404: "There is nothing here",
    409: "This was not done",
}

PageHandler = Callable[["DashboardRenderer", Request], Awaitable[Response]]


class DashboardRenderer:
    """Renders the templates. `is_read_only`: an exported run is shown, without any button."""

    def __init__(self, *, is_read_only: bool) -> None:
        self.is_read_only = is_read_only
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals |= {
            "places": PLACES,
            "is_read_only": is_read_only,
            "file": lambda name: f"/static/{name}",
            "modules": sorted(each.name for each in FILES.glob("*.js") if each.stem != "theme"),
            "f": formats,
        }

    def render(
        self, request: Request, name: str, *, here: str, status: int = 200, **shown: Any
    ) -> Response:
        """Return a page, or 304 if the browser has this version of it.

        Pages send their origin with a form, so their referrer policy is not `no-referrer`: with
        that, browsers send the origin `null`.
        """
        html = self._templates.get_template(f"{name}.html").render(here=here, **shown)
        version = f'"{hashlib.sha256(html.encode()).hexdigest()[:24]}"'
        headers = {"etag": version, "referrer-policy": "same-origin"}
        if status == 200 and request.headers.get("if-none-match") == version:
            return Response(status_code=304, headers=headers)
        return Response(html, status, headers, media_type="text/html")

    def handler(self, handle: PageHandler) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a page, whose errors are pages too."""

        async def endpoint(request: Request) -> Response:
            try:
                return await handle(self, request)
            except HTTPException as error:
                return self._error(request, error.status_code, error.detail)
            except RunnerError as error:
                return self._error(request, 409, str(error))
            except Exception:
                log.exception("a page failed: %s", request.url.path)
                return self._error(request, 500, "The log of the dashboard says why.")

        return endpoint

    def _error(self, request: Request, status: int, message: str) -> Response:
        title = _TITLES.get(status, "That did not work")
        return self.render(request, "error", here="", status=status, title=title, message=message)
