"""How the comments service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.comments.api import create_router
from services.comments.events import subscribe
from services.comments.store import Store
from services.comments.threads import Threads


def create_app(service: Service) -> FastAPI:
    """The comments service on its sidecar."""
    store = Store(service)
    subscribe(service, store)
    return service.create_app(create_router(Threads(store)))
