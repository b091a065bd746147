"""What the documents in docs/contracts say of the service under test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from services.chassis.security.access_rules import HEALTH_ROUTES
from tools.runner.config.guests import contract_file
from tools.runner.config.paths import REPO

CONTRACTS = REPO / "docs" / "contracts"


@dataclass(frozen=True, slots=True)
class DocumentedRoute:
    """A route of an OpenAPI document."""

    name: str
    """Such as `GET /apps/{client_id}`."""
    operation: Mapping[str, Any]

    @property
    def example(self) -> str:
        """The route with an example for each parameter of its path."""
        values = {
            each["name"]: _example_of(each["schema"])
            for each in self.operation.get("parameters", ())
            if each["in"] == "path"
        }
        return re.sub(r"{(\w+)}", lambda found: values[found[1]], self.name)

    @property
    def scopes(self) -> list[str]:
        """The scopes of which a token needs one; empty if the route takes no token."""
        return [scope for need in self._security for each in need.values() for scope in each]

    @property
    def requires_token(self) -> bool:
        """Whether it refuses a request without a token."""
        return bool(self._security) and {} not in self._security

    @property
    def _security(self) -> list[dict[str, list[str]]]:
        found: list[dict[str, list[str]]] = self.operation.get("security", [])
        return found


def routes(app: str) -> list[DocumentedRoute]:
    """All documented routes of a service but those of its health."""
    return [
        route
        for route in _all_routes(app)
        if route.name not in HEALTH_ROUTES and route.name != "GET /metrics"
    ]


def _all_routes(app: str) -> Iterator[DocumentedRoute]:
    for path, operations in _openapi(app)["paths"].items():
        for method, operation in operations.items():
            yield DocumentedRoute(f"{method.upper()} {path}", operation)


@cache
def _openapi(app: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(contract_file(app).read_text())
    return found


@cache
def event_schemas() -> dict[str, Any]:
    """The named schemas of the AsyncAPI document."""
    document = json.loads((CONTRACTS / "events.asyncapi.json").read_text())
    found: dict[str, Any] = document["components"]["schemas"]
    return found


def _example_of(schema: Mapping[str, Any]) -> str:
    found = schema.get("examples") or schema.get("enum") or [schema.get("const", "x")]
    return str(found[0]) if schema.get("type") != "integer" or "examples" in schema else "1"
