"""Notification policies and requests. No notification is ever filtered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from services.chassis.errors import Invalid, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.guards import require_user
from services.gateway.container import Gateway
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import notifications as entities
from services.gateway.rest.dependencies import Id
from services.gateway.rest.responses import DONE

_V1, _V2 = "/api/v1/notifications", "/api/v2/notifications"


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about policies and requests."""
    router = APIRouter()
    for part in (_policy_routes, _request_routes):
        router.routes.extend(part(gateway).routes)
    return router


def _policy_routes(_: Gateway) -> APIRouter:
    """The policy accepts everything, and cannot be changed."""
    router = APIRouter(tags=["notifications"])
    _add_policy_routes(
        router, _V1, entities.POLICY_V1, "boolean", lambda asked, rule: asked.boolean(rule)
    )
    _add_policy_routes(
        router,
        _V2,
        entities.POLICY,
        "string",
        lambda asked, rule: asked.get(rule) in ("filter", "drop"),
    )
    return router


def _add_policy_routes(
    router: APIRouter,
    version: str,
    policy: dict[str, Any],
    kind: str,
    holds_back: Callable[[RequestParams, str], bool | None],
) -> None:
    """The policy in the format of one API version; `kind` is the type of each rule."""
    rules = [name for name in policy if name != "summary"]
    body, gives_it = (
        request_body(**dict.fromkeys(rules, kind)),
        responses(policy, "No notification is filtered."),
    )

    @router.get(f"{version}/policy", responses=gives_it, dependencies=_REQUIRE_READ)
    async def show() -> OrjsonResponse:
        """The policy: no notification is filtered."""
        return OrjsonResponse(policy)

    @router.put(
        f"{version}/policy", responses=gives_it, dependencies=_REQUIRE_WRITE, openapi_extra=body
    )
    @router.patch(
        f"{version}/policy", responses=gives_it, dependencies=_REQUIRE_WRITE, openapi_extra=body
    )
    async def change(request: Request) -> OrjsonResponse:
        """Accept the current policy, and reject any other. Unknown values are ignored."""
        asked = await read_params(request)
        if any(holds_back(asked, rule) for rule in rules):
            raise Invalid("Filtering notifications is not supported.")
        return OrjsonResponse(policy)


def _request_routes(_: Gateway) -> APIRouter:
    """Notification requests: there are none."""
    router = APIRouter(tags=["notifications"])

    @router.get(f"{_V1}/requests", responses=responses([]), dependencies=_REQUIRE_READ)
    async def requests() -> OrjsonResponse:
        """The notification requests: none."""
        return OrjsonResponse([])

    @router.get(f"{_V1}/requests/merged", responses=responses({}), dependencies=_REQUIRE_READ)
    async def merged() -> OrjsonResponse:
        """Whether accepted requests are merged: there are none."""
        return OrjsonResponse({"merged": True})

    @router.post(f"{_V1}/requests/accept", responses=DONE, dependencies=_REQUIRE_WRITE)
    @router.post(f"{_V1}/requests/dismiss", responses=DONE, dependencies=_REQUIRE_WRITE)
    async def answer_many(request: Request) -> OrjsonResponse:
        """Accept or dismiss requests: there are none."""
        if (await read_params(request)).strings("id"):
            raise NotFound("Record not found")
        return OrjsonResponse({})

    @router.get(f"{_V1}/requests/{{id}}", responses=responses({}), dependencies=_REQUIRE_READ)
    @router.post(f"{_V1}/requests/{{id}}/accept", responses=DONE, dependencies=_REQUIRE_WRITE)
    @router.post(f"{_V1}/requests/{{id}}/dismiss", responses=DONE, dependencies=_REQUIRE_WRITE)
    async def one(id: Id) -> OrjsonResponse:
        """One request: there is none."""
        raise NotFound("Record not found")

    return router


_REQUIRE_READ = [Depends(require_user("read:notifications"))]
_REQUIRE_WRITE = [Depends(require_user("write:notifications"))]
