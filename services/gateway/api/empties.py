"""What clients ask for and nothing stands behind yet: empty, and well-formed.

Rows of `Nothing` are answered as they are; a `None` body is a 404, and a text in `_NOT_OFFERED` a
422. The routes, and the scopes they need, are Mastodon's (its `config/routes/api.rb`); a resource
that is updated there takes `PUT` and `PATCH`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.token_verifier import require_user
from services.chassis.service import OrjsonResponse
from services.gateway.documents import gives


@dataclass(frozen=True, slots=True)
class Nothing:
    """A route with a constant answer; without a scope it is open to everybody."""

    methods: str
    path: str
    scope: str
    body: Any


_REPORTS_OF_YEARS: dict[str, Any] = {"annual_reports": [], "accounts": [], "statuses": []}
_CHANGES = "PUT PATCH DELETE"

NOTHINGS = (
    Nothing("GET", "/api/v1/custom_emojis", "", []),
    Nothing("GET", "/api/v1/lists", "read:lists", []),
    Nothing("GET", "/api/v1/lists/{id}", "read:lists", None),
    Nothing(_CHANGES, "/api/v1/lists/{id}", "write:lists", None),
    Nothing("GET", "/api/v1/lists/{id}/accounts", "read:lists", None),
    Nothing("POST DELETE", "/api/v1/lists/{id}/accounts", "write:lists", None),
    Nothing("GET", "/api/v1/timelines/list/{id}", "read:lists", None),
    Nothing("GET", "/api/v1/timelines/link", "", []),
    Nothing("GET", "/api/v1/accounts/{id}/lists", "read:lists", []),
    Nothing("GET", "/api/v1/accounts/{id}/identity_proofs", "", []),
    Nothing("GET", "/api/v1/accounts/{id}/endorsements", "", []),
    Nothing("GET", "/api/v1/filters", "read:filters", []),
    Nothing("GET", "/api/v1/filters/{id}", "read:filters", None),
    Nothing(_CHANGES, "/api/v1/filters/{id}", "write:filters", None),
    Nothing("GET", "/api/v2/filters", "read:filters", []),
    Nothing("GET", "/api/v2/filters/{id}", "read:filters", None),
    Nothing(_CHANGES, "/api/v2/filters/{id}", "write:filters", None),
    Nothing("GET", "/api/v2/filters/{id}/{part}", "read:filters", None),
    Nothing("POST", "/api/v2/filters/{id}/{part}", "write:filters", None),
    Nothing(_CHANGES, "/api/v2/filters/{id}/{part}", "write:filters", None),
    Nothing("GET", "/api/v1/announcements", "read", []),
    Nothing("POST", "/api/v1/announcements/{id}/dismiss", "write:accounts", None),
    Nothing(_CHANGES, "/api/v1/announcements/{id}/reactions/{name}", "write:favourites", None),
    Nothing("GET", "/api/v1/annual_reports", "read:accounts", _REPORTS_OF_YEARS),
    Nothing("GET", "/api/v1/annual_reports/{year}", "read:accounts", None),
    Nothing("POST", "/api/v1/annual_reports/{year}/read", "write:accounts", None),
    Nothing("GET", "/api/v1/scheduled_statuses", "read:statuses", []),
    Nothing("GET", "/api/v1/scheduled_statuses/{id}", "read:statuses", None),
    Nothing(_CHANGES, "/api/v1/scheduled_statuses/{id}", "write:statuses", None),
    Nothing("GET", "/api/v1/polls/{id}", "", None),
    Nothing("GET", "/api/v1/trends/links", "", []),
    Nothing("GET", "/api/v1/featured_tags", "read:accounts", []),
    Nothing("DELETE", "/api/v1/featured_tags/{id}", "write:accounts", None),
    Nothing("GET", "/api/v1/featured_tags/suggestions", "read:accounts", []),
    Nothing("GET", "/api/v1/accounts/{id}/featured_tags", "", []),
    Nothing("GET", "/api/v1/endorsements", "read:accounts", []),
    Nothing("GET", "/api/v1/domain_blocks", "read:blocks", []),
    Nothing("DELETE", "/api/v1/domain_blocks", "write:blocks", {}),
    Nothing("GET", "/api/v1/push/subscription", "push", None),
    Nothing("PUT PATCH", "/api/v1/push/subscription", "push", None),
    Nothing("DELETE", "/api/v1/push/subscription", "push", {}),
    Nothing("GET", "/api/v1/peers/search", "", []),
    Nothing("GET", "/api/v1/instance/peers", "", []),
    Nothing("GET", "/api/v1/instance/domain_blocks", "", []),
    Nothing("GET", "/api/v1/instance/translation_languages", "", {}),
    Nothing("GET", "/api/v1/instance/terms_of_service", "", None),
    Nothing("GET", "/api/v1/instance/terms_of_service/{date}", "", None),
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
        for method in nothing.methods.split():
            _constant(router, method, nothing)
    for path, (scope, what) in _NOT_OFFERED.items():
        _refused(router, path, scope, what)
    return router


def _constant(router: APIRouter, method: str, nothing: Nothing) -> None:
    guards = [Depends(require_user(nothing.scope))] if nothing.scope else []

    async def route(request: Request) -> OrjsonResponse:
        """Nothing stands behind this yet."""
        if nothing.body is None:
            raise NotFound("Record not found")
        return OrjsonResponse(nothing.body)

    router.add_api_route(
        nothing.path,
        route,
        methods=[method],
        dependencies=guards,
        responses=gives(nothing.body),
        name=f"{method} {nothing.path}",
        operation_id=f"empty_{method.lower()}{nothing.path}",
        response_model=None,
    )


def _refused(router: APIRouter, path: str, scope: str, what: str) -> None:
    async def route(request: Request) -> OrjsonResponse:
        """Not offered yet."""
        raise Invalid(f"{what} not offered yet.")

    router.add_api_route(
        path,
        route,
        methods=["POST"],
        dependencies=[Depends(require_user(scope))],
        responses=gives(description="Never."),
        name=f"refused {path}",
        operation_id=f"refused_{path}",
        response_model=None,
    )
