"""Assembles the notifications service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.chassis.service import Service
from services.notifications import api
from services.notifications.application.digest_scheduler import CHECK_INTERVAL, DigestScheduler
from services.notifications.application.digest_settings import DigestSettings
from services.notifications.application.notifier import Notifier
from services.notifications.application.queries import NotificationQueries
from services.notifications.consumers import NotificationsConsumers
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings


def create_app(service: Service) -> FastAPI:
    """Return the notifications service on its sidecar."""
    settings = service.settings
    if not isinstance(settings, NotificationsSettings):
        raise TypeError("Notifications need NotificationsSettings.")
    repository = Repository(service)
    service.metrics.measure_cache("documents", repository.cache)
    notifier = Notifier(repository, ids=SnowflakeGenerator().next, now=timestamp)
    NotificationsConsumers(repository, notifier).subscribe(service)
    queries = NotificationQueries(repository, now=timestamp)
    if settings.microgram_digest_hours:
        scheduler = DigestScheduler(repository, queries, service.sidecar, settings)
        interval = min(CHECK_INTERVAL, settings.microgram_digest_hours * 3600)
        service.every(interval, scheduler.send_due)
    return service.create_app(
        api.notifications.create_router(notifier, queries),
        api.groups.create_router(notifier, queries),
        api.markers.create_router(repository),
        api.digests.create_router(DigestSettings(repository, settings)),
        api.account_mails.create_router(service.sidecar, settings),
        api.data_export.create_router(repository),
    )
