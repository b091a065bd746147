"""Removes the pictures that no post claimed within a day."""

from __future__ import annotations

import logging

from services.chassis.errors import ServiceError
from services.chassis.storage.readable import load_readable
from services.media.application.profile_images import ProfileImageService
from services.media.application.removal import AttachmentRemoval
from services.media.application.uploads import HOUR, Uploads
from services.media.domain.attachments import ORPHAN_HOURS, is_orphaned
from services.media.repository import ALL, SweepProgress

SWEEP_INTERVAL = 900.0
"""Seconds between two sweeps."""

MAX_SWEEP_HOURS = 7 * 24
"""How many hours of uploads one sweep checks."""

log = logging.getLogger(__name__)


class OrphanSweep:
    """Removes orphaned pictures and unused profile images."""

    def __init__(
        self, uploads: Uploads, removal: AttachmentRemoval, profile_images: ProfileImageService
    ) -> None:
        self._repository = uploads.repository
        self._now = uploads.now
        self._removal = removal
        self._profile_images = profile_images

    async def sweep(self) -> None:
        """Check the uploads of the hours that became due since the last sweep."""
        repository, upto = self._repository, int(self._now()) // HOUR - ORPHAN_HOURS - 1
        done = await repository.sweep_progress.update(
            ALL, lambda kept: kept or SweepProgress(upto - 1)
        )
        first = done.hour + 1 if done else upto
        hours = [str(hour) for hour in range(first, min(upto, first + MAX_SWEEP_HOURS) + 1)]
        batches, _ = await load_readable(repository.state, repository.uploads, hours)
        for hour, batch in batches.items():
            for upload in batch.value.ids:
                await self._remove_or_log(upload)
            await repository.uploads.delete(hour)
        if hours:
            last = int(hours[-1])
            await repository.sweep_progress.update(
                ALL, lambda kept: SweepProgress(max(last, kept.hour if kept else last))
            )

    async def _remove_or_log(self, upload: str) -> None:
        """Remove an upload if nobody uses it. One that is damaged must not stop the others."""
        owner, _, name = upload.partition(":")
        if not name:
            await self._removal.remove_or_log(
                upload, lambda picture: is_orphaned(picture, self._now())
            )
            return
        try:
            await self._profile_images.remove_unused(owner, name)
        except ServiceError:
            raise
        except Exception:
            log.exception("a profile image cannot be removed", extra={"file": name})
