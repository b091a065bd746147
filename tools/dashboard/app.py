"""The application: security, JSON API, pages. Its lifespan owns everything that is collected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tools.dashboard import api
from tools.dashboard.archive import remove_left_archives
from tools.dashboard.collect.otlp import OtlpReceiver
from tools.dashboard.collect.sampler import MetricSampler
from tools.dashboard.security import HEALTH_PATH, OTLP_PATH, SecurityMiddleware
from tools.dashboard.settings import Settings
from tools.dashboard.sources import Sources
from tools.runner.errors import RunnerError


def create_app(
    settings: Settings,
    pages: Sequence[BaseRoute] = (),
    snapshot: dict[str, Any] | None = None,
) -> Starlette:
    """Return the application of one dashboard; `pages` are the routes of tools/dashboard/web.

    `snapshot` is that of an export. Handlers find the `Sources` in `request.app.state.sources`.
    """
    sources = Sources.create(settings, snapshot)
    receiver = OtlpReceiver(sources.spans)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        remove_left_archives(settings.telemetry)
        sampling = asyncio.create_task(_sample(sources))
        yield
        sampling.cancel()
        await asyncio.to_thread(receiver.close)
        sources.close()

    routes = [Route(HEALTH_PATH, _healthz), *api.ROUTES, *pages]
    if not settings.is_read_only:
        routes.append(Route(OTLP_PATH, receiver.receive, methods=["POST"]))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(SecurityMiddleware, settings=settings)],
        exception_handlers={HTTPException: _http_error, RunnerError: _runner_error},
        lifespan=lifespan,
    )
    app.state.sources = sources
    return app


async def _sample(sources: Sources) -> None:
    if not sources.settings.is_read_only:
        await MetricSampler(sources.run, sources.runner, sources.samples).run()


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return api.JsonAnswer({"error": error.detail}, error.status_code, error.headers)


async def _runner_error(_: Request, error: Exception) -> Response:
    return api.JsonAnswer({"error": str(error)}, 409)
