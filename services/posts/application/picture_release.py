"""Releases the pictures of a deleted post, so that its author can use them in another post."""

from __future__ import annotations

import logging

from services.chassis.errors import ServiceError
from services.clients.media import MediaClient

log = logging.getLogger(__name__)


async def release_pictures(media: MediaClient, post: str) -> None:
    """Have media release the pictures at once, for a client that deletes a post to redraft it.

    If the call fails, the tombstone's event has the same effect a little later.
    """
    try:
        await media.release(post)
    except ServiceError as error:
        log.warning("cannot release pictures", extra={"post": post, "why": error.message})
