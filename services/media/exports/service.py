"""Answers requests for archives, their progress and their bytes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import NotFound
from services.chassis.ids import timestamp
from services.media.exports import domain
from services.media.exports.domain import ExportRecord
from services.media.exports.repository import ALL, ExportRepository, blob_name
from services.media.exports.steps import STEPS
from services.media.exports.worker import ExportWorker


class ExportService:
    """Requests archives, which the worker makes. `now` returns seconds since 1970."""

    def __init__(
        self,
        repository: ExportRepository,
        worker: ExportWorker,
        sidecar: DaprClient,
        *,
        ids: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._repository = repository
        self._worker = worker
        self._sidecar = sidecar
        self._ids = ids
        self._now = now

    async def request(self, user: str, is_gone: Callable[[], Awaitable[bool]]) -> dict[str, Any]:
        """Request an archive, or return the one that is being made.

        Six state calls. Raises `RateLimited`. The archive is listed as pending before it exists,
        so no crash leaves one that nobody makes. Whether its owner is deleted is read after that.
        The archive that is being made may end just now, so a new id is listed in any case.
        """
        id, now = self._ids(), self._now()
        kept = await self._repository.exports.get(user)
        wanted = domain.request(kept, id, now)
        await self._repository.pending.insert(ALL, [[each, user] for each in {wanted.id, id}])
        made = await self._repository.exports.update(
            user, lambda kept: domain.request(kept, id, now)
        )
        if await is_gone():
            await self.delete(user)
            raise NotFound("There is no such account.")
        self._worker.wake()
        return export_view(made or wanted)

    async def get(self, user: str) -> dict[str, Any]:
        """Return the progress of an archive. Raises `NotFound`. One state call."""
        export = await self._repository.exports.get(user)
        if export is None or export.ending == "gone":
            raise NotFound("You have not requested an archive.")
        return export_view(export)

    async def part(self, user: str, id: str, index: int) -> bytes:
        """Return a part of a finished archive. Raises `NotFound`. One state call and the blob."""
        export = await self._repository.exports.get(user)
        is_there = (
            export is not None
            and export.id == id
            and export.state == "ready"
            and self._now() < export.expires()
        )
        if export is None or not is_there or index >= len(export.parts):
            raise NotFound("There is no such archive, or it has expired.")
        return await self._sidecar.get_blob(blob_name(user, export.parts[index]))

    async def delete(self, user: str) -> None:
        """Remove the archive of a deleted user, whatever its state.

        It is marked before it is listed as pending: the worker may remove it from that list just
        now, and reads the document again after that.
        """
        export = await self._repository.exports.get(user)
        if export is None or export.state == "gone":
            return
        await self._repository.exports.update(
            user, lambda kept: domain.end(kept, "gone") if kept else None
        )
        await self._repository.pending.insert(ALL, [[export.id, user]])
        self._worker.wake()


def export_view(export: ExportRecord) -> dict[str, Any]:
    """Return the `contracts.data_export.Export`."""
    is_ready = export.state == "ready"
    doing = STEPS[export.place.step].file if export.place.step < len(STEPS) else ""
    return {
        "id": export.id,
        "state": export.ending if export.state == "ending" else export.state,
        "requested_at": _time(export.requested),
        "finished_at": _time(export.finished) if export.finished else None,
        "expires_at": _time(export.expires()) if is_ready else None,
        "progress": export.progress(len(STEPS)),
        "doing": doing if export.state == "running" else "",
        "records": export.records,
        "pictures": export.pictures,
        "size": export.size if is_ready else 0,
        "parts": len(export.parts) if is_ready else 0,
    }


def _time(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
