"""The instance: what it is, its rules and limits."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from services.chassis.http.responses import OrjsonResponse
from services.contracts.discovery import Statistics, Week
from services.gateway.application.statistics import StatisticsCache
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.presentation.entities.instances import InstanceEntities

_NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/2.0"


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about the instance. Public."""
    router = APIRouter()
    instances = InstanceEntities(gateway.settings, gateway.urls, gateway.html)
    router.routes.extend(_about_routes(instances, gateway.statistics).routes)
    router.routes.extend(_probe_routes(gateway, instances).routes)
    return router


def _about_routes(instances: InstanceEntities, statistics: StatisticsCache) -> APIRouter:
    router = APIRouter(tags=["instance"])

    @router.get("/api/v1/instance", responses=responses(instances.v1(Statistics())))
    async def instance_v1() -> OrjsonResponse:
        """The instance, for clients older than Mastodon 4."""
        return OrjsonResponse(instances.v1(await statistics.current()))

    @router.get("/api/v2/instance", responses=responses(instances.v2(Statistics())))
    async def instance_v2() -> OrjsonResponse:
        """The instance, with the limits that are enforced."""
        return OrjsonResponse(instances.v2(await statistics.current()))

    @router.get("/api/v1/instance/rules", responses=responses(instances.rules()))
    async def rules() -> OrjsonResponse:
        """The rules of the instance."""
        return OrjsonResponse(instances.rules())

    @router.get("/api/v1/instance/extended_description", responses=responses())
    async def extended_description() -> OrjsonResponse:
        """The extended description."""
        return OrjsonResponse(instances.extended_description())

    @router.get("/api/v1/instance/privacy_policy", responses=responses())
    async def privacy_policy() -> OrjsonResponse:
        """The privacy policy: the extended description."""
        return OrjsonResponse(instances.extended_description())

    @router.get("/api/v1/instance/activity", responses=responses())
    async def activity() -> OrjsonResponse:
        """Registrations of the past twelve weeks. The other activity is not counted."""
        return OrjsonResponse([_week(week) for week in (await statistics.current()).weeks])

    @router.get("/api/v1/instance/languages", responses=responses())
    async def languages() -> OrjsonResponse:
        """The languages of the web pages."""
        return OrjsonResponse([{"code": "en", "name": "English"}])

    return router


def _probe_routes(gateway: Gateway, instances: InstanceEntities) -> APIRouter:
    router = APIRouter(tags=["instance"])

    @router.get("/.well-known/nodeinfo", responses=responses())
    async def where_nodeinfo() -> OrjsonResponse:
        """The link to the nodeinfo document."""
        href = f"{gateway.urls.public_url}/nodeinfo/2.0"
        return OrjsonResponse({"links": [{"rel": _NODEINFO, "href": href}]})

    @router.get("/nodeinfo/2.0", responses=responses(instances.nodeinfo(Statistics())))
    async def nodeinfo() -> OrjsonResponse:
        """The nodeinfo document."""
        return OrjsonResponse(instances.nodeinfo(await gateway.statistics.current()))

    @router.get("/health", responses=responses("OK", media="text/plain"))
    async def health() -> Response:
        """OK, as text."""
        return Response("OK", media_type="text/plain")

    @router.get("/ping", responses=responses({}, "The path through both sidecars works."))
    async def ping() -> OrjsonResponse:
        """Invoke another service through both sidecars.

        Its latency is the minimum of every request that needs one other service.
        """
        await gateway.services.feed.ping()
        return OrjsonResponse({})

    return router


def _week(week: Week) -> dict[str, Any]:
    return {
        "week": str(week.start),
        "statuses": "0",
        "logins": "0",
        "registrations": str(week.registrations),
    }
