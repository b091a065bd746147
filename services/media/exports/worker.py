"""Who makes archives: in every replica one, which looks for work every few seconds.

Whatever is to be done stands in a list, and what is done is committed piece by piece. So after any
crash somebody goes on where the work stopped, as soon as the lease of who died is over; and a
service that does not answer for hours delays an archive, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import ServiceError
from services.chassis.ids import id_time
from services.chassis.storage.window import Window
from services.media.exports import domain, zip_writer
from services.media.exports.collector import STEPS, CollectedFiles, ExportCollector
from services.media.exports.domain import LEASE_TTL, ExportPart, ExportPosition, ExportRecord
from services.media.exports.repository import (
    ALL,
    ExportRepository,
    PartContents,
    blob_name,
    part_key,
)

POLL_INTERVAL = 5.0
"""Seconds between two looks for work."""

MAX_PARTS_PER_TURN = 50
"""How many pieces of one archive are made before the next one has its turn."""

_BATCH_SIZE = 200
_SWEEP_BATCH_SIZE = 20
_LOWEST_ID = "0" * 18
_CREATION_TIMEOUT = 60.0
"""Seconds after which an entry of the list without its document is one of who died in between."""

log = logging.getLogger(__name__)


class ExportWorker:
    """Does all work on archives. `now` is in seconds since 1970."""

    def __init__(
        self,
        store: ExportRepository,
        gathering: ExportCollector,
        sidecar: DaprClient,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._gathering = gathering
        self._sidecar = sidecar
        self._now = now
        self._name = secrets.token_hex(8)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is work: do not wait for the next look."""
        self._woken.set()

    async def run(self) -> None:
        """Work for ever."""
        while True:
            try:
                async with asyncio.timeout(POLL_INTERVAL * random.uniform(0.7, 1.3)):  # noqa: S311 (jitter)
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.process_pending()
            except ServiceError as failure:
                log.warning("could not look for exports", extra={"why": failure.message})

    async def process_pending(self) -> None:
        """Do what there is to do now. Idle, that is two state calls."""
        store = self._store
        await self._expire()
        rows = await store.pending.page(ALL, Window(_BATCH_SIZE, min_id=_LOWEST_ID))
        known = await store.exports.get_many([user for _, user in rows])
        for id, user in reversed(rows):
            await self._process(id, user, known.get(user))

    async def _expire(self) -> None:
        """Have those removed whose time is over."""
        store, now = self._store, self._now()
        rows = await store.finished.page(ALL, Window(_SWEEP_BATCH_SIZE, min_id=_LOWEST_ID))
        for id, user in rows:
            if now < id_time(id).timestamp() + domain.ARCHIVE_TTL:
                continue
            export = await store.exports.get(user)
            if export and export.id == id:
                if now < export.expires():
                    continue
                await store.pending.insert(ALL, [[id, user]])
                await store.exports.update(
                    user, lambda kept: domain.expire_if_due(kept, now) if kept else None
                )
            await store.finished.remove(ALL, [id])

    async def _process(self, id: str, user: str, export: ExportRecord | None) -> None:
        now, store = self._now(), self._store
        if export is None or export.id != id:
            if now > id_time(id).timestamp() + _CREATION_TIMEOUT:
                await store.pending.remove(ALL, [id])
        elif export.state in ("running", "ending"):
            if not export.is_held(now):
                await self._make_parts(user)
        else:
            if export.state == "ready":
                await store.finished.insert(ALL, [[id, user]])
            await store.pending.remove(ALL, [id])
            # Its owner may have left meanwhile, and found it in the list that it is taken from.
            newest = await store.exports.get(user)
            if newest is not None and newest.id == id and newest.state not in _FINAL_STATES:
                await store.pending.insert(ALL, [[id, user]])
                self.wake()

    async def _make_parts(self, user: str) -> None:
        """Work on one archive for a while, if nobody else does."""
        update = self._store.exports.update
        export = await update(user, lambda kept: self._lease(kept))
        for _ in range(MAX_PARTS_PER_TURN):
            if export is None or export.holder != self._name or export.state in _FINAL_STATES:
                break
            try:
                async with asyncio.timeout(LEASE_TTL / 2):
                    export = await self._next_step(user, export)
            except (ServiceError, TimeoutError) as failure:
                log.warning("an export has to wait", extra={"user": user, "why": str(failure)})
                await self._release_after_failure(user)
                return
            except Exception:
                log.exception("an export has to wait", extra={"user": user})
                await self._release_after_failure(user)
                return
        done = await update(user, lambda kept: domain.release(kept, self._name) if kept else None)
        if done is not None:
            await self._finish_or_continue(user, done)

    async def _release_after_failure(self, user: str) -> None:
        now = self._now()
        await self._store.exports.update(
            user, lambda kept: domain.retry_later(kept, self._name, now) if kept else None
        )

    async def _finish_or_continue(self, user: str, export: ExportRecord) -> None:
        if export.state in _FINAL_STATES:
            await self._process(export.id, user, export)
        else:
            self.wake()

    async def _next_step(self, user: str, export: ExportRecord) -> ExportRecord | None:
        """One piece more; or some of what is not wanted any more is removed."""
        update = self._store.exports.update
        if leftover := domain.leftover_parts(export):
            for number in leftover[:_SWEEP_BATCH_SIZE]:
                await self._sidecar.delete_blob(blob_name(user, number))
                await self._store.contents.delete(part_key(user, number))
            upto = leftover[:_SWEEP_BATCH_SIZE][-1]
            return await update(user, lambda kept: domain.mark_swept(kept, upto) if kept else None)
        if export.state == "ending":
            return await update(
                user, lambda kept: domain.mark_swept(kept, export.tries) if kept else None
            )
        begun = await update(
            user, lambda kept: domain.begin_part(kept, self._name, self._now()) if kept else None
        )
        if begun is None or begun.tries == export.tries:
            return begun and replace(begun, holder="")
        made = await self._make_part(user, begun)
        now = self._now()
        return await update(user, lambda kept: domain.add_part(kept, made, now) if kept else None)

    async def _make_part(self, user: str, export: ExportRecord) -> ExportPart:
        """Make a piece under its number. Some six state calls, and what `Gathering` costs."""
        number, when = export.tries, _zip_time(export.requested)
        if export.place.step == len(STEPS):
            return await self._make_directory(user, export, when)
        gathered = await self._gathering.collect(user, export.place)
        data, contents = _pack_files(gathered, export.size, when)
        if contents.entries:
            await self._store.contents.update(part_key(user, number), lambda _: contents)
            await self._sidecar.put_blob(blob_name(user, number), data)
        return ExportPart(number, len(data), gathered.place, gathered.records, gathered.pictures)

    async def _make_directory(
        self, user: str, export: ExportRecord, when: zip_writer.ZipTime
    ) -> ExportPart:
        """Make the archive's directory."""
        entries: list[zip_writer.ZipEntry] = []
        for start in range(0, len(export.parts), _BATCH_SIZE):
            ids = [part_key(user, number) for number in export.parts[start : start + _BATCH_SIZE]]
            found = await self._store.contents.get_many(ids)
            entries += [entry for id in ids for entry in found[id].entries]
        data = zip_writer.directory(entries, export.size, when)
        await self._sidecar.put_blob(blob_name(user, export.tries), data)
        return ExportPart(export.tries, len(data), ExportPosition(len(STEPS)), is_last=True)

    def _lease(self, kept: ExportRecord | None) -> ExportRecord | None:
        return domain.lease(kept, self._name, self._now()) if kept else None


_FINAL_STATES = ("ready", "failed", "expired", "gone")


def _pack_files(
    gathered: CollectedFiles, offset: int, when: zip_writer.ZipTime
) -> tuple[bytes, PartContents]:
    """Files as they stand in an archive, from an offset on."""
    data = bytearray()
    entries: list[zip_writer.ZipEntry] = []
    for file in gathered.files:
        there = offset + len(data)
        body, entry = zip_writer.pack(file.name, file.data, there, when, squeeze=file.compress)
        data += body
        entries.append(entry)
    return bytes(data), PartContents(tuple(entries))


def _zip_time(seconds: float) -> zip_writer.ZipTime:
    at = datetime.fromtimestamp(seconds, UTC)
    return (at.year, at.month, at.day, at.hour, at.minute, at.second)
