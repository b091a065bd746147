"""What clients ask for and nothing stands behind yet: empty, and well-formed.

`Nothing` rows are answered as they are; a `None` body is a 404, and a text in `_NOT_OFFERED` a 422.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request

from services.chassis.app import JSON
from services.chassis.errors import Invalid, NotFound
from services.chassis.identity import signed_in
from services.gateway.documents import gives


@dataclass(frozen=True, slots=True)
class Nothing:
    """A route with a constant answer; without a scope it is open to everybody."""

    method: str
    path: str
    scope: str
    body: Any


NOTHINGS = (
    Nothing("GET", "/api/v1/custom_emojis", "", []),
    Nothing("GET", "/api/v1/lists", "read:lists", []),
    Nothing("GET", "/api/v1/lists/{id}", "read:lists", None),
    Nothing("GET", "/api/v1/lists/{id}/accounts", "read:lists", None),
    Nothing("GET", "/api/v1/timelines/list/{id}", "read:lists", None),
    Nothing("GET", "/api/v1/accounts/{id}/lists", "read:lists", []),
    Nothing("GET", "/api/v1/filters", "read:filters", []),
    Nothing("GET", "/api/v1/filters/{id}", "read:filters", None),
    Nothing("GET", "/api/v2/filters", "read:filters", []),
    Nothing("GET", "/api/v2/filters/{id}", "read:filters", None),
    Nothing("GET", "/api/v1/announcements", "read", []),
    Nothing("GET", "/api/v1/conversations", "read:statuses", []),
    Nothing("GET", "/api/v1/scheduled_statuses", "read:statuses", []),
    Nothing("GET", "/api/v1/scheduled_statuses/{id}", "read:statuses", None),
    Nothing("GET", "/api/v1/polls/{id}", "", None),
    Nothing("GET", "/api/v1/trends/links", "", []),
    Nothing("GET", "/api/v1/featured_tags", "read:accounts", []),
    Nothing("GET", "/api/v1/featured_tags/suggestions", "read:accounts", []),
    Nothing("GET", "/api/v1/accounts/{id}/featured_tags", "", []),
    Nothing("GET", "/api/v1/endorsements", "read:accounts", []),
    Nothing("GET", "/api/v1/domain_blocks", "read:blocks", []),
    Nothing("GET", "/api/v1/push/subscription", "push", None),
    Nothing("GET", "/api/v1/instance/peers", "", []),
    Nothing("GET", "/api/v1/instance/domain_blocks", "", []),
    Nothing("GET", "/api/v1/instance/translation_languages", "", {}),
    Nothing("GET", "/api/v1/instance/terms_of_service", "", None),
)

_NOT_OFFERED = {
    "/api/v1/lists": ("write:lists", "Lists are"),
    "/api/v1/filters": ("write:filters", "Filters are"),
    "/api/v2/filters": ("write:filters", "Filters are"),
    "/api/v1/featured_tags": ("write:accounts", "Featuring hashtags is"),
    "/api/v1/polls/{id}/votes": ("write:statuses", "Polls are"),
    "/api/v1/push/subscription": ("push", "Push is"),
    "/api/v1/domain_blocks": ("write:blocks", "Blocking domains is"),
    "/api/v1/accounts/{id}/pin": ("write:accounts", "Endorsing is"),
    "/api/v1/accounts/{id}/unpin": ("write:accounts", "Endorsing is"),
    "/api/v1/accounts/{id}/endorse": ("write:accounts", "Endorsing is"),
    "/api/v1/accounts/{id}/unendorse": ("write:accounts", "Endorsing is"),
}


def create_router() -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["empty for now"])
    for nothing in NOTHINGS:
        _constant(router, nothing)
    for path, (scope, what) in _NOT_OFFERED.items():
        _refused(router, path, scope, what)
    return router


def _constant(router: APIRouter, nothing: Nothing) -> None:
    guards = [Depends(signed_in(nothing.scope))] if nothing.scope else []

    async def route(request: Request) -> JSON:
        """Nothing stands behind this yet."""
        if nothing.body is None:
            raise NotFound("Record not found")
        return JSON(nothing.body)

    router.add_api_route(
        nothing.path,
        route,
        methods=[nothing.method],
        dependencies=guards,
        responses=gives(nothing.body),
        name=f"{nothing.method} {nothing.path}",
        operation_id=f"empty_{nothing.method.lower()}{nothing.path}",
        response_model=None,
    )


def _refused(router: APIRouter, path: str, scope: str, what: str) -> None:
    async def route(request: Request) -> JSON:
        """Not offered yet."""
        raise Invalid(f"{what} not offered yet.")

    router.add_api_route(
        path,
        route,
        methods=["POST"],
        dependencies=[Depends(signed_in(scope))],
        responses=gives(description="Never."),
        name=f"refused {path}",
        operation_id=f"refused_{path}",
        response_model=None,
    )
