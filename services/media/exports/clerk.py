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
from services.media.exports import domain, zips
from services.media.exports.domain import LEASE, Export, Piece, Place
from services.media.exports.gathering import STEPS, Gathered, Gathering
from services.media.exports.store import ALL, Contents, Store, blob, piece

LOOK = 5.0
"""Seconds between two looks for work."""

ROUNDS = 50
"""How many pieces of one archive are made before the next one has its turn."""

_AT_ONCE = 200
_SWEPT_AT_ONCE = 20
_OLDEST = "0" * 18
_GRACE = 60.0
"""Seconds after which an entry of the list without its document is one of who died in between."""

log = logging.getLogger(__name__)


class Clerk:
    """Does all work on archives. `now` is in seconds since 1970."""

    def __init__(
        self,
        store: Store,
        gathering: Gathering,
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
                async with asyncio.timeout(LOOK * random.uniform(0.7, 1.3)):  # noqa: S311 (jitter)
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.work()
            except ServiceError as failure:
                log.warning("could not look for exports", extra={"why": failure.message})

    async def work(self) -> None:
        """Do what there is to do now. Idle, that is two state calls."""
        store = self._store
        await self._expire()
        rows = await store.work.page(ALL, Window(_AT_ONCE, min_id=_OLDEST))
        known = await store.exports.get_many([user for _, user in rows])
        for id, user in reversed(rows):
            await self._see_to(id, user, known.get(user))

    async def _expire(self) -> None:
        """Have those removed whose time is over."""
        store, now = self._store, self._now()
        rows = await store.kept.page(ALL, Window(_SWEPT_AT_ONCE, min_id=_OLDEST))
        for id, user in rows:
            if now < id_time(id).timestamp() + domain.LIFE:
                continue
            export = await store.exports.get(user)
            if export and export.id == id:
                if now < export.expires():
                    continue
                await store.work.insert(ALL, [[id, user]])
                await store.exports.update(
                    user, lambda kept: domain.expired(kept, now) if kept else None
                )
            await store.kept.remove(ALL, [id])

    async def _see_to(self, id: str, user: str, export: Export | None) -> None:
        now, store = self._now(), self._store
        if export is None or export.id != id:
            if now > id_time(id).timestamp() + _GRACE:
                await store.work.remove(ALL, [id])
        elif export.state in ("running", "ending"):
            if not export.is_held(now):
                await self._serve(user)
        else:
            if export.state == "ready":
                await store.kept.insert(ALL, [[id, user]])
            await store.work.remove(ALL, [id])
            # Its owner may have left meanwhile, and found it in the list that it is taken from.
            newest = await store.exports.get(user)
            if newest is not None and newest.id == id and newest.state not in _AT_REST:
                await store.work.insert(ALL, [[id, user]])
                self.wake()

    async def _serve(self, user: str) -> None:
        """Work on one archive for a while, if nobody else does."""
        update = self._store.exports.update
        export = await update(user, lambda kept: self._leased(kept))
        for _ in range(ROUNDS):
            if export is None or export.holder != self._name or export.state in _AT_REST:
                break
            try:
                async with asyncio.timeout(LEASE / 2):
                    export = await self._go_on(user, export)
            except (ServiceError, TimeoutError) as failure:
                log.warning("an export has to wait", extra={"user": user, "why": str(failure)})
                await self._give_back(user)
                return
            except Exception:
                log.exception("an export has to wait", extra={"user": user})
                await self._give_back(user)
                return
        done = await update(user, lambda kept: domain.released(kept, self._name) if kept else None)
        if done is not None:
            await self._see_to_rest(user, done)

    async def _give_back(self, user: str) -> None:
        now = self._now()
        await self._store.exports.update(
            user, lambda kept: domain.troubled(kept, self._name, now) if kept else None
        )

    async def _see_to_rest(self, user: str, export: Export) -> None:
        if export.state in _AT_REST:
            await self._see_to(export.id, user, export)
        else:
            self.wake()

    async def _go_on(self, user: str, export: Export) -> Export | None:
        """One piece more; or some of what is not wanted any more is removed."""
        update = self._store.exports.update
        if leftover := domain.leftover(export):
            for number in leftover[:_SWEPT_AT_ONCE]:
                await self._sidecar.delete_blob(blob(user, number))
                await self._store.contents.delete(piece(user, number))
            upto = leftover[:_SWEPT_AT_ONCE][-1]
            return await update(user, lambda kept: domain.swept(kept, upto) if kept else None)
        if export.state == "ending":
            return await update(
                user, lambda kept: domain.swept(kept, export.tries) if kept else None
            )
        begun = await update(
            user, lambda kept: domain.begun(kept, self._name, self._now()) if kept else None
        )
        if begun is None or begun.tries == export.tries:
            return begun and replace(begun, holder="")
        made = await self._make(user, begun)
        now = self._now()
        return await update(user, lambda kept: domain.added(kept, made, now) if kept else None)

    async def _make(self, user: str, export: Export) -> Piece:
        """Make a piece under its number. Some six state calls, and what `Gathering` costs."""
        number, when = export.tries, _moment(export.requested)
        if export.place.step == len(STEPS):
            return await self._finish(user, export, when)
        gathered = await self._gathering.gather(user, export.place)
        data, contents = _packed(gathered, export.size, when)
        if contents.entries:
            await self._store.contents.update(piece(user, number), lambda _: contents)
            await self._sidecar.put_blob(blob(user, number), data)
        return Piece(number, len(data), gathered.place, gathered.records, gathered.pictures)

    async def _finish(self, user: str, export: Export, when: zips.Moment) -> Piece:
        """Make the archive's directory."""
        entries: list[zips.Entry] = []
        for start in range(0, len(export.parts), _AT_ONCE):
            ids = [piece(user, number) for number in export.parts[start : start + _AT_ONCE]]
            found = await self._store.contents.get_many(ids)
            entries += [entry for id in ids for entry in found[id].entries]
        data = zips.directory(entries, export.size, when)
        await self._sidecar.put_blob(blob(user, export.tries), data)
        return Piece(export.tries, len(data), Place(len(STEPS)), is_last=True)

    def _leased(self, kept: Export | None) -> Export | None:
        return domain.leased(kept, self._name, self._now()) if kept else None


_AT_REST = ("ready", "failed", "expired", "gone")


def _packed(gathered: Gathered, offset: int, when: zips.Moment) -> tuple[bytes, Contents]:
    """Files as they stand in an archive, from an offset on."""
    data = bytearray()
    entries: list[zips.Entry] = []
    for file in gathered.files:
        there = offset + len(data)
        body, entry = zips.packed(file.name, file.data, there, when, squeeze=file.squeeze)
        data += body
        entries.append(entry)
    return bytes(data), Contents(tuple(entries))


def _moment(seconds: float) -> zips.Moment:
    at = datetime.fromtimestamp(seconds, UTC)
    return (at.year, at.month, at.day, at.hour, at.minute, at.second)
