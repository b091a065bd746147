"""Routes of Mastodon's API without a feature behind them: empty, well-formed responses.

A `StubRoute` returns its body; a `None` body is a 404, and a route in `_UNSUPPORTED` a 422. Routes
and scopes are Mastodon's (its `config/routes/api.rb`); updates accept `PUT` and `PATCH`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request

from services.chassis.errors import Invalid, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.guards import require_user
from services.gateway.http.openapi import responses


@dataclass(frozen=True, slots=True)
class StubRoute:
    """A route with a constant response; public without a scope."""

    methods: str
    path: str
    scope: str
    body: Any


_NO_ANNUAL_REPORTS: dict[str, Any] = {"annual_reports": [], "accounts": [], "statuses": []}
_CHANGE_METHODS = "PUT PATCH DELETE"

STUB_ROUTES = (
    StubRoute("GET", "/api/v1/custom_emojis", "", []),
    StubRoute("GET", "/api/v1/lists", "read:lists", []),
    StubRoute("GET", "/api/v1/lists/{id}", "read:lists", None),
    StubRoute(_CHANGE_METHODS, "/api/v1/lists/{id}", "write:lists", None),
    StubRoute("GET", "/api/v1/lists/{id}/accounts", "read:lists", None),
    StubRoute("POST DELETE", "/api/v1/lists/{id}/accounts", "write:lists", None),
    StubRoute("GET", "/api/v1/timelines/list/{id}", "read:lists", None),
    StubRoute("GET", "/api/v1/timelines/link", "", []),
    StubRoute("GET", "/api/v1/accounts/{id}/lists", "read:lists", []),
    StubRoute("GET", "/api/v1/accounts/{id}/identity_proofs", "", []),
    StubRoute("GET", "/api/v1/accounts/{id}/endorsements", "", []),
    StubRoute("GET", "/api/v1/filters", "read:filters", []),
    StubRoute("GET", "/api/v1/filters/{id}", "read:filters", None),
    StubRoute(_CHANGE_METHODS, "/api/v1/filters/{id}", "write:filters", None),
    StubRoute("GET", "/api/v2/filters", "read:filters", []),
    StubRoute("GET", "/api/v2/filters/{id}", "read:filters", None),
    StubRoute(_CHANGE_METHODS, "/api/v2/filters/{id}", "write:filters", None),
    StubRoute("GET", "/api/v2/filters/{id}/{part}", "read:filters", None),
    StubRoute("POST", "/api/v2/filters/{id}/{part}", "write:filters", None),
    StubRoute(_CHANGE_METHODS, "/api/v2/filters/{id}/{part}", "write:filters", None),
    StubRoute("GET", "/api/v1/announcements", "read", []),
    StubRoute("POST", "/api/v1/announcements/{id}/dismiss", "write:accounts", None),
    StubRoute(
        _CHANGE_METHODS, "/api/v1/announcements/{id}/reactions/{name}", "write:favourites", None
    ),
    StubRoute("GET", "/api/v1/annual_reports", "read:accounts", _NO_ANNUAL_REPORTS),
    StubRoute("GET", "/api/v1/annual_reports/{year}", "read:accounts", None),
    StubRoute("POST", "/api/v1/annual_reports/{year}/read", "write:accounts", None),
    StubRoute("GET", "/api/v1/scheduled_statuses", "read:statuses", []),
    StubRoute("GET", "/api/v1/scheduled_statuses/{id}", "read:statuses", None),
    StubRoute(_CHANGE_METHODS, "/api/v1/scheduled_statuses/{id}", "write:statuses", None),
    StubRoute("GET", "/api/v1/polls/{id}", "", None),
    StubRoute("GET", "/api/v1/trends/links", "", []),
    StubRoute("GET", "/api/v1/featured_tags", "read:accounts", []),
    StubRoute("DELETE", "/api/v1/featured_tags/{id}", "write:accounts", None),
    StubRoute("GET", "/api/v1/featured_tags/suggestions", "read:accounts", []),
    StubRoute("GET", "/api/v1/accounts/{id}/featured_tags", "", []),
    StubRoute("GET", "/api/v1/endorsements", "read:accounts", []),
    StubRoute("GET", "/api/v1/domain_blocks", "read:blocks", []),
    StubRoute("DELETE", "/api/v1/domain_blocks", "write:blocks", {}),
    StubRoute("GET", "/api/v1/push/subscription", "push", None),
    StubRoute("PUT PATCH", "/api/v1/push/subscription", "push", None),
    StubRoute("DELETE", "/api/v1/push/subscription", "push", {}),
    StubRoute("GET", "/api/v1/peers/search", "", []),
    StubRoute("GET", "/api/v1/instance/peers", "", []),
    StubRoute("GET", "/api/v1/instance/domain_blocks", "", []),
    StubRoute("GET", "/api/v1/instance/translation_languages", "", {}),
    StubRoute("GET", "/api/v1/instance/terms_of_service", "", None),
    StubRoute("GET", "/api/v1/instance/terms_of_service/{date}", "", None),
)

_UNSUPPORTED = {
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
    """All stub routes."""
    router = APIRouter(tags=["empty for now"])
    for nothing in STUB_ROUTES:
        for method in nothing.methods.split():
            _add_stub(router, method, nothing)
    for path, (scope, what) in _UNSUPPORTED.items():
        _add_unsupported(router, path, scope, what)
    return router


def _add_stub(router: APIRouter, method: str, nothing: StubRoute) -> None:
    guards = [Depends(require_user(nothing.scope))] if nothing.scope else []

    async def route(request: Request) -> OrjsonResponse:
        """Not supported: the response is empty."""
        if nothing.body is None:
            raise NotFound("Record not found")
        return OrjsonResponse(nothing.body)

    router.add_api_route(
        nothing.path,
        route,
        methods=[method],
        dependencies=guards,
        responses=responses(nothing.body),
        name=f"{method} {nothing.path}",
        operation_id=f"empty_{method.lower()}{nothing.path}",
        response_model=None,
    )


def _add_unsupported(router: APIRouter, path: str, scope: str, what: str) -> None:
    async def route(request: Request) -> OrjsonResponse:
        """Not supported."""
        raise Invalid(f"{what} not supported.")

    router.add_api_route(
        path,
        route,
        methods=["POST"],
        dependencies=[Depends(require_user(scope))],
        responses=responses(description="Never."),
        name=f"refused {path}",
        operation_id=f"refused_{path}",
        response_model=None,
    )
