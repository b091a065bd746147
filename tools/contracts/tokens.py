"""Says in an OpenAPI document which routes need a user's token, and with which scopes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from services.chassis.security.guards import TokenNeed, token_need

_SCHEME = "token"


def add_token_needs(document: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Add `security` to each route with a guard, and the scheme that it names."""
    is_used = False
    for route in routes:
        need = _need(route.dependant) if isinstance(route, APIRoute) else None
        if need is None or not isinstance(route, APIRoute):
            continue
        operations = document["paths"].get(route.path, {})
        for method in route.methods or ():
            if method.lower() in operations:
                operations[method.lower()]["security"] = _security(need)
                is_used = True
    if is_used:
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        document["components"]["securitySchemes"] = {_SCHEME: scheme}


def _security(need: TokenNeed) -> list[dict[str, list[str]]]:
    """One of the scopes is enough; an empty entry says that a token is optional."""
    anybody: list[dict[str, list[str]]] = [{}] if need.is_optional else []
    return anybody + [{_SCHEME: [scope]} for scope in need.scopes]


def _need(dependant: Dependant) -> TokenNeed | None:
    """What the first guard among the dependencies asks of a token."""
    for each in dependant.dependencies:
        found = (token_need(each.call) if each.call else None) or _need(each)
        if found is not None:
            return found
    return None
