"""How the media service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.app import Service
from services.chassis.ids import Snowflakes
from services.media.api import create_router
from services.media.events import subscribe
from services.media.pool import Pool, Processes
from services.media.store import Store
from services.media.workshop import Workshop


def create_app(service: Service, workshop: Processes | None = None) -> FastAPI:
    """The media service on its sidecar, with a workshop of its own if none is given."""
    if workshop is None:
        workshop = Workshop()
        service.owns(workshop)
    pool = Pool(Store(service), service.sidecar, workshop, ids=Snowflakes().next)
    subscribe(service, pool)
    return service.create_app(create_router(pool))
