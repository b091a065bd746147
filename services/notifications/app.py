"""How the notifications service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.app import Service
from services.chassis.ids import Snowflakes, timestamp
from services.notifications import belongings
from services.notifications.api import create_router
from services.notifications.bell import Bell
from services.notifications.events import subscribe
from services.notifications.reading import Reading
from services.notifications.store import Store


def create_app(service: Service) -> FastAPI:
    """The notifications service on its sidecar."""
    store = Store(service)
    bell = Bell(store, ids=Snowflakes().next, now=timestamp)
    subscribe(service, store, bell)
    return service.create_app(
        create_router(store, bell, Reading(store, now=timestamp)), belongings.create_router(store)
    )
