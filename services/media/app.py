"""How the media service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.media.api import create_router
from services.media.events import subscribe
from services.media.exports import api as exports
from services.media.exports.clerk import Clerk
from services.media.exports.gathering import Gathering
from services.media.exports.office import Office
from services.media.exports.store import Store as Shelf
from services.media.pool import Pool, Processes
from services.media.store import Store
from services.media.workshop import Workshop


def create_app(service: Service, workshop: Processes | None = None) -> FastAPI:
    """The media service on its sidecar, with a workshop of its own if none is given."""
    if workshop is None:
        workshop = Workshop()
        service.manage(workshop)
    store, shelf, ids = Store(service), Shelf(service), SnowflakeGenerator().next
    pool = Pool(store, service.sidecar, workshop, ids=ids)
    gathering = Gathering(store, service.sidecar, service.settings.public_url)
    clerk = Clerk(shelf, gathering, service.sidecar)
    office = Office(shelf, clerk, service.sidecar, ids=ids)
    service.background(clerk.run)
    subscribe(service, pool, office.drop)
    return service.create_app(create_router(pool), exports.create_router(office, pool.is_gone))
