"""Downloads of archives, for the API and the page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.chassis.errors import NotFound, RateLimited
from services.chassis.security.caller import Caller
from services.clients.media import MediaClient
from services.contracts.data_export import Export

CONCURRENCY = 16
"""Downloads at a time per replica. Of each, one chunk is in memory."""


class ArchiveDownloads:
    """Bounds the memory of downloads: one at a time per user, `CONCURRENCY` in all."""

    def __init__(self, media: MediaClient) -> None:
        self._media = media
        self._running: set[str] = set()

    async def open(self, caller: Caller) -> ArchiveResponse:
        """The download of the caller's archive. Raises `NotFound`."""
        export = await self._media.export(caller)
        if export.state != "ready":
            raise NotFound("Your archive is not ready. Its state says why.")
        return ArchiveResponse(self, export, caller)

    @contextmanager
    def slot(self, user: str) -> Iterator[None]:
        """A slot for one download. Raises `RateLimited`."""
        if user in self._running or len(self._running) >= CONCURRENCY:
            raise RateLimited("Another download is running. Wait until it ends.")
        self._running.add(user)
        try:
            yield
        finally:
            self._running.discard(user)

    async def chunks(self, export: Export, caller: Caller) -> AsyncIterator[bytes]:
        """The chunks of an archive."""
        for index in range(export.parts):
            yield await self._media.export_part(export.id, index, caller)


class ArchiveResponse(StreamingResponse):
    """The response with an archive. Without a free slot it raises before it begins."""

    media_type = "application/zip"

    def __init__(self, downloads: ArchiveDownloads, export: Export, caller: Caller) -> None:
        headers = {
            "content-length": str(export.size),
            "content-disposition": f'attachment; filename="microgram-{export.id}.zip"',
            "cache-control": "private, no-store",
        }
        super().__init__(downloads.chunks(export, caller), headers=headers)
        self._slot = downloads.slot(caller.user_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slot:
            await super().__call__(scope, receive, send)
