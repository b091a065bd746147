"""What media hears: that posts are deleted, that people change or leave, that time passes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from services.chassis.consuming.events import CloudEvent, PoisonMessage
from services.chassis.errors import NotFound, ServiceError
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.contracts.accounts import Profile
from services.contracts.events import ACCOUNT_CHANGED, POST_CHANGED
from services.media.application.attachments import AttachmentService
from services.media.domain import check_id

ERASURE_JOB = "erasure"
SWEEP_INTERVAL = 900.0
"""Seconds between two looks for pictures that no post wanted."""

log = logging.getLogger(__name__)


def subscribe(
    service: Service, pool: AttachmentService, forget: Callable[[str], Awaitable[None]]
) -> None:
    """Hear of posts, and sweep for as long as the service lives. `forget` is for who is gone."""

    async def post_changed(event: CloudEvent) -> None:
        if event.type == POST_CHANGED.name and event.data.get("deleted") is True:
            kept = event.data.get("pictures_kept") is True
            await pool.on_post_deleted(event.subject, kept=kept)

    async def account_changed(event: CloudEvent) -> None:
        if event.type != ACCOUNT_CHANGED.name:
            return
        profile = _read(event)
        shown = tuple(name for name in (profile.avatar, profile.header) if name)
        await pool.on_profile_changed(profile.id, shown, event.entityversion, gone=profile.deleted)
        if profile.deleted:
            await forget(profile.id)
            await errands.enqueue(ERASURE_JOB, profile.id)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL * random.uniform(0.1, 1.9))  # noqa: S311 (jitter)
            try:
                await pool.sweep()
            except ServiceError as failure:
                log.warning("could not sweep", extra={"why": failure.message})

    service.on_topic(POST_CHANGED.topic, POST_CHANGED.producer, post_changed)
    service.on_topic(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, account_changed)
    errands = JobQueue(service)
    errands.register(ERASURE_JOB, pool.erase_batch)
    service.background(sweep)


def _read(event: CloudEvent) -> Profile:
    try:
        profile = Profile.model_validate(event.data)
        return profile.model_copy(update={"id": check_id(profile.id)})
    except (ValidationError, NotFound) as error:
        raise PoisonMessage(f"{event.subject} is not a profile.") from error
