"""No route of the shop is left out of the matrix of who may do what."""

from __future__ import annotations

from services.gateway.app import create_app, create_service
from services.gateway.settings import GatewaySettings
from tests.e2e.test_shop_matrix import RULES, route_of
from tests.system.shopping import SHOP


def test_every_route_of_the_shop_is_in_the_matrix() -> None:
    app = create_app(create_service(GatewaySettings(app_id="gateway", app_port=1)))
    offered = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if path.startswith(f"{SHOP}/")
    }
    assert {route_of(row) for row in RULES} == offered
