"""Access rules of services that only tests have."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fastapi import APIRouter
from starlette.routing import Route

from services.chassis.security.access_rules import CHANGES_ROUTES, ServiceAccess, read_access
from services.chassis.security.route_guards import names_of
from services.chassis.service import Service

CALLERS = frozenset({*read_access(), "test", "a", "consumer"})


def open_access(
    service: Service,
    *routers: APIRouter,
    public: bool = False,
    calls: Mapping[str, Collection[str]] | None = None,
) -> ServiceAccess:
    """Rules that fit a service as it is now: `CALLERS` may call its routes, except for `calls`."""
    names = {
        name
        for router in routers
        for route in router.routes
        if isinstance(route, Route)
        for name in names_of(route)
    }
    published = frozenset(service._published_topics())
    names |= {"POST /bundles"} | (CHANGES_ROUTES if published else set())
    chosen = {name: frozenset(callers) for name, callers in (calls or {}).items()}
    return ServiceAccess(
        service.name,
        is_public=public,
        calls=(dict.fromkeys(names, CALLERS) if not public else {}) | chosen,
        publishes=published,
        subscribers=dict.fromkeys(published, CALLERS),
        subscribes=frozenset({*service._topics_from_broker(), *service._broadcasts}),
        components=frozenset({"broadcast" if service._broadcasts else "pubsub"}),
    )
