"""The OpenAPI document of the users service."""

from __future__ import annotations

from tests.services.openapi import has_example
from tests.services.users.harness import UsersDeployment

_OF_EVERY_SERVICE = (
    *("/belongings", "/bundles", "/changes", "/dapr", "/dead", "/events"),
    *("/healthz", "/readyz", "/metrics"),
)


async def test_every_route_has_examples(users: UsersDeployment) -> None:
    document = users.replica.app.openapi()
    routes = [
        operation
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if not path.startswith(_OF_EVERY_SERVICE)
    ]
    assert len(routes) > 25
    for operation in routes:
        good = operation["responses"]["200"]["content"]["application/json"]
        assert has_example(document, good), operation["operationId"]
        assert good["schema"]
        for body in operation.get("requestBody", {}).get("content", {}).values():
            assert has_example(document, body), operation["operationId"]
