"""Health routes, open to everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from fastapi.responses import Response

from services.chassis.dapr.client import DaprClient
from services.chassis.http.responses import OrjsonResponse


def create_health_router(
    service: str, dapr: DaprClient, failing: Callable[[], Sequence[str]]
) -> APIRouter:
    """`/healthz` (the process is alive) and `/readyz` (its sidecar is, too).

    `failing` gives the names of background work that keeps failing. `/readyz` shows them; they do
    not make the service unready, because it still answers requests.
    """
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Is the process alive? Open to everybody.")
    async def live() -> dict[str, str]:
        return {"status": "ok", "service": service}

    @router.get("/readyz", summary="Is it ready for requests? Open to everybody.")
    async def ready() -> Response:
        is_ready = await dapr.is_ready()
        body = {
            "status": "ok" if is_ready else "no sidecar",
            "service": service,
            **({"failing": names} if (names := list(failing())) else {}),
        }
        return OrjsonResponse(body, 200 if is_ready else 503)

    return router
