"""How the comments service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.comments.api import create_router
from services.comments.application.queries import ThreadQueries
from services.comments.consumers import subscribe
from services.comments.repository import Repository


def create_app(service: Service) -> FastAPI:
    """The comments service on its sidecar."""
    repository = Repository(service)
    subscribe(service, repository)
    return service.create_app(create_router(ThreadQueries(repository)))
