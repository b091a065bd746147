"""Composition of the media service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.media.adapters.image_workers import ImageWorkerPool
from services.media.api import attachments, files
from services.media.application.attachments import AttachmentService
from services.media.application.orphan_sweep import SWEEP_INTERVAL, OrphanSweep
from services.media.application.profile_images import ProfileImageService
from services.media.application.removal import AttachmentRemoval
from services.media.application.suspended_owners import SuspensionFilter
from services.media.application.uploads import ImageProcessor, Uploads
from services.media.consumers import subscribe
from services.media.exports import api as exports
from services.media.exports.collector import ExportCollector
from services.media.exports.repository import ExportRepository
from services.media.exports.service import ExportService
from services.media.exports.worker import POLL_INTERVAL, TURN_PAUSE, ExportWorker
from services.media.repository import Repository


def create_app(service: Service, images: ImageProcessor | None = None) -> FastAPI:
    """Return the media service, with image workers of its own if no processor is given."""
    if images is None:
        images = ImageWorkerPool()
        service.manage(images)
    repository, ids = Repository(service), SnowflakeGenerator().next
    uploads = Uploads(repository, service.sidecar, images, ids=ids)
    suspensions = SuspensionFilter(repository)
    removal, profile_images = AttachmentRemoval(uploads), ProfileImageService(uploads, suspensions)
    attachment_service = AttachmentService(uploads, removal, suspensions)
    service.every(SWEEP_INTERVAL, OrphanSweep(uploads, removal, profile_images).sweep)
    export_repository = ExportRepository(service)
    collector = ExportCollector(repository, service.sidecar, service.settings.public_url)
    worker = ExportWorker(export_repository, collector, service.sidecar)
    service.every(TURN_PAUSE, worker.run, name="exports", at_start=True, max_backoff=POLL_INTERVAL)
    export_service = ExportService(export_repository, worker, service.sidecar, ids=ids)
    subscribe(service, removal, profile_images, suspensions, export_service.delete)
    return service.create_app(
        attachments.create_router(attachment_service, removal),
        files.create_router(attachment_service, profile_images),
        exports.create_router(export_service, uploads.is_account_deleted),
    )
