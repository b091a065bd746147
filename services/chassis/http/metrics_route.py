"""`GET /metrics`, for whoever has the token of metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from services.chassis.metrics import CONTENT_TYPE, Metrics


def create_metrics_router(metrics: Metrics) -> APIRouter:
    """The route of a service's metrics. It makes no call."""
    router = APIRouter(tags=["metrics"])

    # Not of the API that clients use, and its errors have the form of each service.
    @router.get("/metrics", include_in_schema=False)
    async def scrape() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return router
