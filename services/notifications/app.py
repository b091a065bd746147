"""How the notifications service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.chassis.service import Service
from services.notifications.api import create_router, data_export, digests
from services.notifications.application.digest_scheduler import DigestScheduler
from services.notifications.application.notifier import Notifier
from services.notifications.application.queries import NotificationQueries
from services.notifications.consumers import subscribe
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings


def create_app(service: Service) -> FastAPI:
    """The notifications service on its sidecar."""
    settings = service.settings
    if not isinstance(settings, NotificationsSettings):
        raise TypeError("Notifications need NotificationsSettings.")
    repository = Repository(service)
    bell = Notifier(repository, ids=SnowflakeGenerator().next, now=timestamp)
    subscribe(service, repository, bell)
    reading = NotificationQueries(repository, now=timestamp)
    scheduler = DigestScheduler(repository, reading, service.sidecar, settings)
    service.background(scheduler.run)
    return service.create_app(
        create_router(repository, bell, reading),
        digests.create_router(scheduler),
        data_export.create_router(repository),
    )
