"""What holds for the routes of every service."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.chassis.service import Service
from tools.contracts.__main__ import SERVICES, settings_of

SDK_ROUTES = {"/dapr/subscribe"}
"""The sidecar calls it once at its start; the SDK defines it as a plain function."""


def routes_of(name: str) -> list[APIRoute]:
    module = importlib.import_module(f"services.{name}.app")
    app = module.create_app(Service(settings_of(module, name)))
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    return [route for route in routes if route.path not in SDK_ROUTES]


def calls_of(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from calls_of(dependency)


@pytest.mark.parametrize("name", SERVICES)
def test_no_request_needs_a_thread(name: str) -> None:
    """FastAPI runs a plain function in one of 40 threads, on every request."""
    plain = {
        f"{route.path}: {getattr(call, '__qualname__', call)}"
        for route in routes_of(name)
        for call in (route.endpoint, *calls_of(route.dependant))
        if not inspect.iscoroutinefunction(call)
        and not inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
    }
    assert plain == set()
