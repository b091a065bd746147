"""How the notifications service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.chassis.service import Service
from services.notifications import belongings, mailing
from services.notifications.api import create_router
from services.notifications.bell import Bell
from services.notifications.digests import Digests
from services.notifications.events import subscribe
from services.notifications.reading import Reading
from services.notifications.settings import NotificationsSettings
from services.notifications.store import Store


def create_app(service: Service) -> FastAPI:
    """The notifications service on its sidecar."""
    settings = service.settings
    if not isinstance(settings, NotificationsSettings):
        raise TypeError("Notifications need NotificationsSettings.")
    store = Store(service)
    bell = Bell(store, ids=SnowflakeGenerator().next, now=timestamp)
    subscribe(service, store, bell)
    reading = Reading(store, now=timestamp)
    digests = Digests(store, reading, service.sidecar, settings)
    service.background(digests.run)
    return service.create_app(
        create_router(store, bell, reading),
        mailing.create_router(digests),
        belongings.create_router(store),
    )
