"""No route of the gateway goes unchecked."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings
from tests.mastodon import routes
from tests.mastodon.schemas import ENTITIES


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(create_service(GatewaySettings(app_id="gateway", app_port=1)))


def test_every_route_of_the_gateway_has_a_row_and_every_row_a_route(app: FastAPI) -> None:
    offered = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    missing = sorted(offered - routes.ROUTES.keys())
    assert not missing, f"add these to tests/mastodon/routes.py: {missing}"
    gone = sorted(routes.ROUTES.keys() - offered)
    assert not gone, f"take these out of tests/mastodon/routes.py: {gone}"


def test_what_the_openapi_does_not_show_are_pages(app: FastAPI) -> None:
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) > 200
    hidden = [route.path for route in routes if not route.include_in_schema]
    assert "/oauth/authorize" in hidden
    assert [
        path for path in hidden if path.startswith(("/api/", "/.well-known", "/nodeinfo"))
    ] == []


def test_every_row_names_an_entity_that_has_a_schema() -> None:
    words = {routes.NEVER, routes.NO_JSON, routes.OURS}
    named = {row for row in routes.ROUTES.values() if isinstance(row, str)} - words
    assert {name.strip("[]") for name in named} <= ENTITIES.keys()


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("/api/v1/accounts/12", "GET /api/v1/accounts/{id}"),
        ("/api/v1/accounts/lookup", "GET /api/v1/accounts/lookup"),
        ("/api/v1/instance/", "GET /api/v1/instance"),
        ("/api/v1/timelines/tag/a%2Fb", "GET /api/v1/timelines/tag/{tag}"),
        ("/api/v9/nothing", ""),
    ],
)
def test_a_request_finds_its_row(path: str, row: str) -> None:
    assert routes.row_for("GET", path) == row


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/lists", [{}]),
        ("GET", "/api/v1/timelines/home", [{"id": "1"}]),
        ("GET", "/api/v1/notifications/unread_count", {"count": "3"}),
        ("GET", "/api/v1/notifications/unread_count", {"count": 3, "more": 1}),
        ("GET", "/api/v1/markers", {"home": {}}),
        ("GET", "/api/v1/markers", {"elsewhere": {}}),
        ("POST", "/api/v1/polls/1/votes", {}),
        ("GET", "/api/v9/nothing", {}),
    ],
)
def test_an_unexpected_response_is_reported(method: str, path: str, body: object) -> None:
    with pytest.raises(AssertionError):
        routes.check(method, path, body)


def test_an_expected_response_is_accepted() -> None:
    routes.check("GET", "/api/v1/lists", [])
    routes.check("GET", "/api/v1/markers", {})
    routes.check("GET", "/api/v1/notifications/unread_count", {"count": 3})
    routes.check("GET", "/api/v1/timelines/home", [])
