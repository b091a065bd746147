"""What media hears: that posts are deleted, and that time passes."""

from __future__ import annotations

import asyncio
import logging
import random

from services.chassis.app import Service
from services.chassis.errors import Failure
from services.chassis.inbox import Event
from services.contracts.topics import POST_CHANGED
from services.media.pool import Pool

SWEEP = 900.0
"""Seconds between two looks for pictures that no post wanted."""

log = logging.getLogger(__name__)


def subscribe(service: Service, pool: Pool) -> None:
    """Hear of posts, and sweep for as long as the service lives."""

    async def post_changed(event: Event) -> None:
        if event.type == POST_CHANGED.name and event.data.get("deleted") is True:
            await pool.post_deleted(event.subject)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP * random.uniform(0.1, 1.9))  # noqa: S311 (jitter)
            try:
                await pool.sweep()
            except Failure as failure:
                log.warning("could not sweep", extra={"why": failure.message})

    service.hear(POST_CHANGED.topic, POST_CHANGED.producer, post_changed)
    service.background(sweep)
