"""What uploads of pictures and of profile images share."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Unauthenticated, from_status
from services.media.domain.files import file_name
from services.media.pictures import Kind, PictureError, Processed, Rendition
from services.media.repository import Repository, UploadBatch

HOUR = 3600


class ImageProcessor(Protocol):
    """The port of picture processing: the image workers, or a fake."""

    async def process(self, data: bytes, kind: Kind = "photo") -> Processed: ...


class Uploads:
    """Processes uploads and stores their files.

    `ids` generates ids, `now` returns seconds since 1970.
    """

    def __init__(
        self,
        repository: Repository,
        sidecar: DaprClient,
        images: ImageProcessor,
        *,
        ids: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.repository = repository
        self.sidecar = sidecar
        self.now = now
        self.new_id = ids
        self._images = images

    async def process(self, data: bytes, kind: Kind) -> Processed:
        """Decode, resize and encode a picture. Raises the `ServiceError` of a `PictureError`."""
        try:
            return await self._images.process(data, kind)
        except PictureError as error:
            raise from_status(error.status, error.message, error.code) from error

    async def record(self, *uploads: str) -> None:
        """Record uploads of this hour, before anything is stored that the sweep must find."""
        await self.repository.uploads.update(
            str(int(self.now()) // HOUR), lambda kept: (kept or UploadBatch()).add(uploads)
        )

    async def store(self, files: dict[str, Rendition]) -> None:
        """Store files by their names."""
        await asyncio.gather(
            *(self.sidecar.put_blob(name, one.body) for name, one in files.items())
        )

    async def is_account_deleted(self, user: str) -> bool:
        """Whether a user deleted their account. One state call."""
        images = await self.repository.profile_images.get(user)
        return images is not None and images.gone

    async def refuse_deleted_account(self, user: str, undo: Callable[[], Awaitable[None]]) -> None:
        """Undo an upload whose user deleted their account meanwhile, and raise."""
        if await self.is_account_deleted(user):
            await undo()
            raise Unauthenticated("This account was deleted.")


def new_file_name(id: str, part: str, rendition: Rendition) -> str:
    """Return a name that cannot be guessed."""
    return file_name(id, secrets.token_hex(8), part, rendition.mime)
