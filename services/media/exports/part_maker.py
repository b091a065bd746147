"""Makes and removes the parts of archives, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from services.chassis.dapr.client import DaprClient
from services.media.exports import domain, zip_writer
from services.media.exports.collector import CollectedFiles, ExportCollector
from services.media.exports.domain import ExportPart, ExportPosition, ExportRecord
from services.media.exports.repository import ExportRepository, PartContents, blob_name, part_key
from services.media.exports.steps import STEPS

_BATCH_SIZE = 200
_REMOVAL_BATCH_SIZE = 20


class PartMaker:
    """Makes and removes parts in the name of a replica. `now` returns seconds since 1970."""

    def __init__(
        self,
        repository: ExportRepository,
        collector: ExportCollector,
        sidecar: DaprClient,
        holder: str,
        *,
        now: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._collector = collector
        self._sidecar = sidecar
        self._holder = holder
        self._now = now

    async def next_step(self, user: str, export: ExportRecord) -> ExportRecord | None:
        """Make one part, or remove some parts that are not wanted any more."""
        update = self._repository.exports.update
        if domain.leftover_parts(export):
            upto = await self._remove_leftover(user, export)
            return await update(user, lambda kept: domain.mark_swept(kept, upto) if kept else None)
        if export.state == "ending":
            return await update(
                user, lambda kept: domain.mark_swept(kept, export.tries) if kept else None
            )
        begun = await update(
            user, lambda kept: domain.begin_part(kept, self._holder, self._now()) if kept else None
        )
        if begun is None or begun.tries == export.tries:
            return begun and replace(begun, holder="")
        part = await self._make(user, begun)
        now = self._now()
        return await update(user, lambda kept: domain.add_part(kept, part, now) if kept else None)

    async def _remove_leftover(self, user: str, export: ExportRecord) -> int:
        numbers = domain.leftover_parts(export)[:_REMOVAL_BATCH_SIZE]
        for number in numbers:
            await self._sidecar.delete_blob(blob_name(user, number))
            await self._repository.contents.delete(part_key(user, number))
        return numbers[-1]

    async def _make(self, user: str, export: ExportRecord) -> ExportPart:
        """Make a part under its number. About six state calls, and those of `ExportCollector`."""
        number, when = export.tries, _zip_time(export.requested)
        if export.place.step == len(STEPS):
            return await self._make_directory(user, export, when)
        collected = await self._collector.collect(user, export.place)
        data, contents = _pack_files(collected, export.size, when)
        if contents.entries:
            key = part_key(user, number)
            await self._repository.contents.update(key, lambda _: contents)
            await self._sidecar.put_blob(blob_name(user, number), data)
        return ExportPart(number, len(data), collected.place, collected.records, collected.pictures)

    async def _make_directory(
        self, user: str, export: ExportRecord, when: zip_writer.ZipTime
    ) -> ExportPart:
        """Make the last part: the directory of the archive."""
        entries: list[zip_writer.ZipEntry] = []
        for start in range(0, len(export.parts), _BATCH_SIZE):
            keys = [part_key(user, number) for number in export.parts[start : start + _BATCH_SIZE]]
            found = await self._repository.contents.get_many(keys)
            entries += [entry for key in keys for entry in found[key].entries]
        data = zip_writer.directory(entries, export.size, when)
        await self._sidecar.put_blob(blob_name(user, export.tries), data)
        return ExportPart(export.tries, len(data), ExportPosition(len(STEPS)), is_last=True)


def _pack_files(
    collected: CollectedFiles, offset: int, when: zip_writer.ZipTime
) -> tuple[bytes, PartContents]:
    """Return files as they stand in the archive, from an offset on."""
    data = bytearray()
    entries: list[zip_writer.ZipEntry] = []
    for file in collected.files:
        position = offset + len(data)
        body, entry = zip_writer.pack(file.name, file.data, position, when, compress=file.compress)
        data += body
        entries.append(entry)
    return bytes(data), PartContents(tuple(entries))


def _zip_time(seconds: float) -> zip_writer.ZipTime:
    at = datetime.fromtimestamp(seconds, UTC)
    return (at.year, at.month, at.day, at.hour, at.minute, at.second)
