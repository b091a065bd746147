"""What the place says about itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response

from services.chassis.app import JSON
from services.gateway.desk import Desk
from services.gateway.documents import gives
from services.gateway.entities.instances import Instances

_NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/2.0"
_WEEKS = 12


def create_router(desk: Desk) -> APIRouter:
    """Routes about the instance: open to everybody."""
    router = APIRouter(tags=["instance"])
    instances = Instances(desk.settings, desk.at, desk.writer)
    router.include_router(_about(instances))
    router.include_router(_probes(desk, instances))
    return router


def _about(instances: Instances) -> APIRouter:
    router = APIRouter()

    @router.get("/api/v1/instance", responses=gives(instances.v1()))
    async def instance_v1() -> JSON:
        """The instance, as clients of before Mastodon 4 ask for it."""
        return JSON(instances.v1())

    @router.get("/api/v2/instance", responses=gives(instances.v2()))
    async def instance_v2() -> JSON:
        """The instance, with the limits that are enforced."""
        return JSON(instances.v2())

    @router.get("/api/v1/instance/rules", responses=gives(instances.rules()))
    async def rules() -> JSON:
        """The rules of the place."""
        return JSON(instances.rules())

    @router.get("/api/v1/instance/extended_description", responses=gives())
    async def extended_description() -> JSON:
        """More about the place."""
        return JSON(instances.extended_description())

    @router.get("/api/v1/instance/privacy_policy", responses=gives())
    async def privacy_policy() -> JSON:
        """None is written yet: the same as the extended description."""
        return JSON(instances.extended_description())

    @router.get("/api/v1/instance/activity", responses=gives())
    async def activity() -> JSON:
        """Twelve weeks, the newest first; nobody counts, so all numbers are 0."""
        return JSON(_weeks(datetime.now(UTC)))

    @router.get("/api/v1/instance/languages", responses=gives())
    async def languages() -> JSON:
        """The languages of the pages."""
        return JSON([{"code": "en", "name": "English"}])

    return router


def _probes(desk: Desk, instances: Instances) -> APIRouter:
    router = APIRouter()

    @router.get("/.well-known/nodeinfo", responses=gives())
    async def where_nodeinfo() -> JSON:
        """Where nodeinfo is."""
        href = f"{desk.at.public_url}/nodeinfo/2.0"
        return JSON({"links": [{"rel": _NODEINFO, "href": href}]})

    @router.get("/nodeinfo/2.0", responses=gives(instances.nodeinfo()))
    async def nodeinfo() -> JSON:
        """What crawlers ask."""
        return JSON(instances.nodeinfo())

    @router.get("/health", responses=gives("OK", media="text/plain"))
    async def health() -> Response:
        """OK, as text."""
        return Response("OK", media_type="text/plain")

    @router.get("/ping", responses=gives({}, "The path through both sidecars works."))
    async def ping() -> JSON:
        """Ask another service whether it lives, through both sidecars: a probe of the path.

        What it costs is the floor under every request that needs one other service.
        """
        await desk.services.invoke("feed", "healthz", deadline=2.0)
        return JSON({})

    return router


def _weeks(now: datetime) -> list[dict[str, Any]]:
    monday = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=now.weekday())
    starts = [monday - timedelta(weeks=ago) for ago in range(_WEEKS)]
    return [
        {
            "week": str(int(start.timestamp())),
            "statuses": "0",
            "logins": "0",
            "registrations": "0",
        }
        for start in starts
    ]
