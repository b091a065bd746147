"""Releases and removes the pictures of deleted posts and deleted users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from services.chassis.errors import ServiceError
from services.chassis.storage.window import Window
from services.media.application.uploads import Uploads
from services.media.domain import attachments as rules
from services.media.domain.attachments import AttachmentRecord

BATCH_SIZE = 20
"""How many pictures of a deleted user one job step removes."""

log = logging.getLogger(__name__)


class AttachmentRemoval:
    """Releases and removes pictures."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._repository = uploads.repository

    async def on_post_deleted(self, post: str, *, kept: bool) -> None:
        """Remove the pictures of a deleted post, or release them for another post."""
        if kept:
            await self.release(post)
            return
        for id in await self._close_claims(post):
            await self.remove(id, lambda picture: rules.belongs_to(picture, post))

    async def release(self, post: str) -> None:
        """Hide the pictures of a deleted post, and let another post claim them.

        A repeat changes nothing. Three state calls, and two for each picture; one without pictures.
        They are recorded first, for the sweep that removes them a day later.
        """
        ids = await self._close_claims(post)
        if not ids:
            return
        await self._uploads.record(*ids)
        now = self._uploads.now()
        for id in ids:
            await self._repository.attachments.update(
                id, lambda kept: rules.release(kept, post, now) if kept else None
            )

    async def _close_claims(self, post: str) -> tuple[str, ...]:
        """Let a deleted post claim nothing more. Returns the pictures that it has claimed."""
        claims = await self._repository.claims.get(post)
        if claims is not None and not claims.closed:
            claims = await self._repository.claims.update(
                post, lambda kept: replace(kept, closed=True) if kept else None
            )
        return claims.ids if claims else ()

    async def erase_batch(self, user: str) -> bool:
        """Remove some pictures of a deleted user. Returns whether none was left."""
        rows = await self._repository.by_owner.page(user, Window(BATCH_SIZE))
        for id, *_ in rows:
            await self.remove_or_log(id)
        if rows:
            await self._repository.by_owner.remove(user, [row[0] for row in rows])
        return not rows

    async def remove_or_log(
        self, id: str, condition: Callable[[AttachmentRecord], bool] = lambda picture: True
    ) -> None:
        """As `remove`, but a picture that is damaged is logged: it must not stop the others."""
        try:
            await self.remove(id, condition)
        except ServiceError:
            raise
        except Exception:
            log.exception("a picture cannot be removed", extra={"picture": id})

    async def remove(
        self, id: str, condition: Callable[[AttachmentRecord], bool] = lambda picture: True
    ) -> None:
        """Remove a picture that meets the condition: first its document, then its files."""

        def delete(kept: AttachmentRecord | None) -> AttachmentRecord | None:
            is_due = kept is not None and (kept.deleted or condition(kept))
            return rules.tombstone(kept) if kept and is_due else None

        after = await self._repository.attachments.update(id, delete)
        if after is not None and after.deleted:
            sidecar = self._uploads.sidecar
            await asyncio.gather(*(sidecar.delete_blob(name) for name in after.files))
            await self._repository.by_owner.remove(after.owner, [id])
