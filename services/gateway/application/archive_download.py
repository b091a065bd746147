"""Archives on their way to those whose they are, by the API and by the page for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.chassis.errors import NotFound, RateLimited
from services.chassis.security.caller import Caller
from services.gateway.container import Gateway

CONCURRENCY = 16
"""How many archives are downloaded from one replica at a time; of each, one piece is in memory."""


class ArchiveDownloads:
    """Bounds what downloads hold in memory: one at a time for each person, `CONCURRENCY` in all."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running: set[str] = set()

    async def open(self, caller: Caller) -> ArchiveResponse:
        """Somebody's archive. Raises `NotFound`."""
        row = await self._gateway.services.ask("media", "exports", caller)
        if row["state"] != "ready":
            raise NotFound("Your archive is not there (yet): its state says why.")
        return ArchiveResponse(self, row, caller)

    @contextmanager
    def slot(self, user: str) -> Iterator[None]:
        """Room for one. Raises `RateLimited`."""
        if user in self._running or len(self._running) >= CONCURRENCY:
            raise RateLimited("There is a download already. Wait for its end.")
        self._running.add(user)
        try:
            yield
        finally:
            self._running.discard(user)

    async def chunks(self, row: dict[str, Any], caller: Caller) -> AsyncIterator[bytes]:
        """The pieces of an archive."""
        for index in range(row["parts"]):
            path = f"exports/{row['id']}/parts/{index}"
            reply = await self._gateway.services.sidecar.invoke("media", path, token=caller.token)
            yield reply.body


class ArchiveResponse(StreamingResponse):
    """An archive, where there is room for it: else it raises before it begins."""

    media_type = "application/zip"

    def __init__(self, downloads: ArchiveDownloads, row: dict[str, Any], caller: Caller) -> None:
        headers = {
            "content-length": str(row["size"]),
            "content-disposition": f'attachment; filename="microgram-{row["id"]}.zip"',
            "cache-control": "private, no-store",
        }
        super().__init__(downloads.chunks(row, caller), headers=headers)
        self._slot = downloads.slot(caller.user_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slot:
            await super().__call__(scope, receive, send)
