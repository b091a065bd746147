"""What the place says about itself."""

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
    """Routes about the instance: open to everybody."""
    router = APIRouter()
    instances = InstanceEntities(gateway.settings, gateway.urls, gateway.html)
    numbers = StatisticsCache(gateway)
    router.routes.extend(_about_routes(instances, numbers).routes)
    router.routes.extend(_probe_routes(gateway, instances, numbers).routes)
    return router


def _about_routes(instances: InstanceEntities, numbers: StatisticsCache) -> APIRouter:
    router = APIRouter(tags=["instance"])

    @router.get("/api/v1/instance", responses=responses(instances.v1(Statistics())))
    async def instance_v1() -> OrjsonResponse:
        """The instance, as clients of before Mastodon 4 ask for it."""
        return OrjsonResponse(instances.v1(await numbers.current()))

    @router.get("/api/v2/instance", responses=responses(instances.v2(Statistics())))
    async def instance_v2() -> OrjsonResponse:
        """The instance, with the limits that are enforced."""
        return OrjsonResponse(instances.v2(await numbers.current()))

    @router.get("/api/v1/instance/rules", responses=responses(instances.rules()))
    async def rules() -> OrjsonResponse:
        """The rules of the place."""
        return OrjsonResponse(instances.rules())

    @router.get("/api/v1/instance/extended_description", responses=responses())
    async def extended_description() -> OrjsonResponse:
        """More about the place."""
        return OrjsonResponse(instances.extended_description())

    @router.get("/api/v1/instance/privacy_policy", responses=responses())
    async def privacy_policy() -> OrjsonResponse:
        """None is written yet: the same as the extended description."""
        return OrjsonResponse(instances.extended_description())

    @router.get("/api/v1/instance/activity", responses=responses())
    async def activity() -> OrjsonResponse:
        """How many registered in the past twelve weeks; nobody counts the rest by the week."""
        return OrjsonResponse([_week(week) for week in (await numbers.current()).weeks])

    @router.get("/api/v1/instance/languages", responses=responses())
    async def languages() -> OrjsonResponse:
        """The languages of the pages."""
        return OrjsonResponse([{"code": "en", "name": "English"}])

    return router


def _probe_routes(
    gateway: Gateway, instances: InstanceEntities, numbers: StatisticsCache
) -> APIRouter:
    router = APIRouter(tags=["instance"])

    @router.get("/.well-known/nodeinfo", responses=responses())
    async def where_nodeinfo() -> OrjsonResponse:
        """Where nodeinfo is."""
        href = f"{gateway.urls.public_url}/nodeinfo/2.0"
        return OrjsonResponse({"links": [{"rel": _NODEINFO, "href": href}]})

    @router.get("/nodeinfo/2.0", responses=responses(instances.nodeinfo(Statistics())))
    async def nodeinfo() -> OrjsonResponse:
        """What crawlers ask."""
        return OrjsonResponse(instances.nodeinfo(await numbers.current()))

    @router.get("/health", responses=responses("OK", media="text/plain"))
    async def health() -> Response:
        """OK, as text."""
        return Response("OK", media_type="text/plain")

    @router.get("/ping", responses=responses({}, "The path through both sidecars works."))
    async def ping() -> OrjsonResponse:
        """Ask another service whether it lives, through both sidecars: a probe of the path.

        What it costs is the floor under every request that needs one other service.
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
