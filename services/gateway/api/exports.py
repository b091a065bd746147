"""An archive of all that somebody has: asked for, waited for, downloaded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.chassis.app import JSON
from services.chassis.errors import NotFound, TooMany
from services.chassis.identity import Caller, signed_in
from services.gateway.desk import Desk
from services.gateway.documents import gives

_EXPORT = "/api/v1/export"
_ARCHIVE = f"{_EXPORT}/archive"
AT_ONCE = 16
"""How many archives are downloaded from one replica at a time; of each, one piece is in memory."""

Owner = Annotated[Caller, Depends(signed_in("read"))]


def create_router(desk: Desk) -> APIRouter:
    """All three need the whole scope `read`: an archive holds what is most private."""
    router = APIRouter(tags=["exports"])
    export = gives(description="How far it is; `url` once it is ready, and until it expires.")
    downloads = Downloads(desk)

    @router.post(_EXPORT, responses=export)
    async def request(caller: Owner) -> JSON:
        """Have an archive made of all that one has. One a day; asked again, how far it is."""
        return JSON(_shown(desk, await desk.ask("media", "exports", caller, method="POST")))

    @router.get(_EXPORT, responses=export)
    async def one(caller: Owner) -> JSON:
        """How far one's archive is."""
        return JSON(_shown(desk, await desk.ask("media", "exports", caller)))

    @router.get(_ARCHIVE, responses=gives(description="The archive.", media="application/zip"))
    async def archive(caller: Owner) -> Download:
        """Download it: a ZIP of JSON and pictures, in pieces as it is kept."""
        row = await desk.ask("media", "exports", caller)
        if row["state"] != "ready":
            raise NotFound("Your archive is not there (yet): its state says why.")
        return Download(downloads, row, caller)

    return router


class Downloads:
    """Bounds what downloads hold in memory: one at a time for each person, `AT_ONCE` in all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running: set[str] = set()

    @contextmanager
    def room(self, user: str) -> Iterator[None]:
        """Room for one. Raises `TooMany`."""
        if user in self._running or len(self._running) >= AT_ONCE:
            raise TooMany("There is a download already. Wait for its end.")
        self._running.add(user)
        try:
            yield
        finally:
            self._running.discard(user)

    async def pieces(self, row: dict[str, Any], caller: Caller) -> AsyncIterator[bytes]:
        """The pieces of an archive."""
        for index in range(row["parts"]):
            path = f"exports/{row['id']}/parts/{index}"
            reply = await self._desk.services.invoke("media", path, token=caller.token)
            yield reply.body


class Download(StreamingResponse):
    """An archive, where there is room for it: else it raises before it begins."""

    media_type = "application/zip"

    def __init__(self, downloads: Downloads, row: dict[str, Any], caller: Caller) -> None:
        headers = {
            "content-length": str(row["size"]),
            "content-disposition": f'attachment; filename="microgram-{row["id"]}.zip"',
            "cache-control": "private, no-store",
        }
        super().__init__(downloads.pieces(row, caller), headers=headers)
        self._room = downloads.room(caller.user_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._room:
            await super().__call__(scope, receive, send)


def _shown(desk: Desk, row: dict[str, Any]) -> dict[str, Any]:
    """How far it is, as a client sees it."""
    url = f"{desk.at.public_url}{_ARCHIVE}" if row["state"] == "ready" else None
    shown = {name: value for name, value in row.items() if name != "parts"}
    return shown | {"url": url}
