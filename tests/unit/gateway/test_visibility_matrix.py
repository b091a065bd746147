"""No route that may tell of posts is left out of the visibility matrix."""

from __future__ import annotations

from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings
from tests.e2e.test_visibility_matrix import BY_FIELD, COVERED, OWN_PICTURES
from tests.e2e.visibility_matrix import is_about_posts


def test_every_route_with_posts_is_in_the_matrix() -> None:
    app = create_app(create_service(GatewaySettings(app_id="gateway", app_port=1)))
    offered = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    elsewhere = BY_FIELD | OWN_PICTURES
    missing = {row for row in offered if is_about_posts(row)} - COVERED - elsewhere
    assert not missing, f"add these to tests/e2e/test_visibility_matrix.py: {sorted(missing)}"
