"""How the media service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.media.adapters.image_workers import ImageWorkerPool
from services.media.api import create_router
from services.media.application.attachments import AttachmentService, ImageProcessor
from services.media.consumers import subscribe
from services.media.exports import api as exports
from services.media.exports.collector import ExportCollector
from services.media.exports.repository import ExportRepository as Shelf
from services.media.exports.service import ExportService
from services.media.exports.worker import ExportWorker
from services.media.repository import Repository


def create_app(service: Service, workshop: ImageProcessor | None = None) -> FastAPI:
    """The media service on its sidecar, with a workshop of its own if none is given."""
    if workshop is None:
        workshop = ImageWorkerPool()
        service.manage(workshop)
    store, shelf, ids = Repository(service), Shelf(service), SnowflakeGenerator().next
    pool = AttachmentService(store, service.sidecar, workshop, ids=ids)
    gathering = ExportCollector(store, service.sidecar, service.settings.public_url)
    clerk = ExportWorker(shelf, gathering, service.sidecar)
    office = ExportService(shelf, clerk, service.sidecar, ids=ids)
    service.background(clerk.run)
    subscribe(service, pool, office.delete)
    return service.create_app(
        create_router(pool), exports.create_router(office, pool.is_account_deleted)
    )
