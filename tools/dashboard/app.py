"""The application: security, JSON API, pages. Its lifespan owns everything that is collected."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tools.dashboard import api
from tools.dashboard.security import HEALTH_PATH, SecurityMiddleware
from tools.dashboard.settings import Settings
from tools.dashboard.sources import Sources
from tools.runner.errors import RunnerError


def create_app(settings: Settings, pages: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application of one dashboard; `pages` are the routes of tools/dashboard/web.

    Handlers find the `Sources` in `request.app.state.sources`.
    """
    app = Starlette(
        routes=[Route(HEALTH_PATH, _healthz), *api.ROUTES, *pages],
        middleware=[Middleware(SecurityMiddleware, settings=settings)],
        exception_handlers={HTTPException: _http_error, RunnerError: _runner_error},
    )
    app.state.sources = Sources.create(settings)
    return app


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return api.JsonAnswer({"error": error.detail}, error.status_code, error.headers)


async def _runner_error(_: Request, error: Exception) -> Response:
    return api.JsonAnswer({"error": str(error)}, 409)
