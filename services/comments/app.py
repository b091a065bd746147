"""Assembles the comments service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.comments.api import create_router
from services.comments.application.queries import ThreadQueries
from services.comments.application.thread_projection import ThreadProjector
from services.comments.consumers import CommentsConsumers
from services.comments.repository import Repository


def create_app(service: Service) -> FastAPI:
    """Return the comments service on its sidecar."""
    repository = Repository(service)
    CommentsConsumers(ThreadProjector(repository)).subscribe(service)
    return service.create_app(create_router(ThreadQueries(repository)))
