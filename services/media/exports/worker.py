"""The export worker: one in every replica, which looks for work every few seconds.

Pending work stands in a list, and each finished part is committed. After a crash another replica
continues where the work stopped, once the lease has ended. A service that does not answer for hours
delays an archive, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import ServiceError
from services.chassis.ids import id_time
from services.chassis.storage.readable import load_readable
from services.chassis.storage.window import Window
from services.media.exports import domain
from services.media.exports.collector import ExportCollector
from services.media.exports.domain import FINAL_STATES, ExportRecord
from services.media.exports.part_maker import PartMaker
from services.media.exports.repository import ALL, ExportRepository

POLL_INTERVAL = 5.0
"""Seconds between two looks for work, unless the worker is woken."""

TURN_PAUSE = 0.02
"""Seconds between the end of one look for work and the wait for the next; it grows on failures."""

MAX_PARTS_PER_TURN = 50
"""How many parts of one archive are made before the next archive has its turn."""

STEP_TIMEOUT = 45.0
"""Seconds for which a replica tries to make one part."""

_BATCH_SIZE = 200
_EXPIRY_BATCH_SIZE = 20
_LOWEST_ID = "0" * 18
_CREATION_TIMEOUT = 60.0
"""Seconds after which a pending entry without its document is of a request that died."""

log = logging.getLogger(__name__)


class ExportWorker:
    """Makes, expires and removes archives. `now` returns seconds since 1970."""

    def __init__(
        self,
        repository: ExportRepository,
        collector: ExportCollector,
        sidecar: DaprClient,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._repository = repository
        self._now = now
        self._name = secrets.token_hex(8)
        self._parts = PartMaker(repository, collector, sidecar, self._name, now=now)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for work now."""
        self._woken.set()

    async def run(self) -> None:
        """Look for work once: when woken, or after `POLL_INTERVAL`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_INTERVAL * random.uniform(0.7, 1.3)):  # noqa: S311
                await self._woken.wait()
        self._woken.clear()
        await self.process_pending()

    async def process_pending(self) -> None:
        """Do what is to be done now. Two state calls if nothing is.

        An archive whose document is damaged stays in its list, and does not stop the others.
        """
        repository = self._repository
        await self._expire_finished()
        rows = await repository.pending.page(ALL, Window(_BATCH_SIZE, min_id=_LOWEST_ID))
        users = [user for _, user in rows]
        known, damaged = await load_readable(repository.state, repository.exports, users)
        for id, user in reversed(rows):
            if user not in damaged:
                await self._process(id, user, known[user].value if user in known else None)

    async def _expire_finished(self) -> None:
        """End the archives whose time is over."""
        repository, now = self._repository, self._now()
        window = Window(_EXPIRY_BATCH_SIZE, min_id=_LOWEST_ID)
        rows = await repository.finished.page(ALL, window)
        due = [
            (id, user) for id, user in rows if now >= id_time(id).timestamp() + domain.ARCHIVE_TTL
        ]
        if not due:
            return
        users = [user for _, user in due]
        known, damaged = await load_readable(repository.state, repository.exports, users)
        for id, user in due:
            if user not in damaged:
                await self._expire(id, user, known[user].value if user in known else None)

    async def _expire(self, id: str, user: str, export: ExportRecord | None) -> None:
        repository, now = self._repository, self._now()
        if export and export.id == id:
            if now < export.expires():
                return
            await repository.pending.insert(ALL, [[id, user]])
            await repository.exports.update(
                user, lambda kept: domain.expire_if_due(kept, now) if kept else None
            )
        await repository.finished.remove(ALL, [id])

    async def _process(self, id: str, user: str, export: ExportRecord | None) -> None:
        now, repository = self._now(), self._repository
        if export is None or export.id != id:
            if now > id_time(id).timestamp() + _CREATION_TIMEOUT:
                await repository.pending.remove(ALL, [id])
        elif export.state in ("running", "ending"):
            if not export.is_held(now):
                await self._make_parts(user)
        else:
            if export.state == "ready":
                await repository.finished.insert(ALL, [[id, user]])
            await repository.pending.remove(ALL, [id])
            # Its owner may have been deleted meanwhile, and found it in the pending list.
            newest = await repository.exports.get(user)
            if newest is not None and newest.id == id and newest.state not in FINAL_STATES:
                await repository.pending.insert(ALL, [[id, user]])
                self.wake()

    async def _make_parts(self, user: str) -> None:
        """Work on one archive for a while, unless another replica does."""
        update = self._repository.exports.update
        export = await update(
            user, lambda kept: domain.lease(kept, self._name, self._now()) if kept else None
        )
        for _ in range(MAX_PARTS_PER_TURN):
            if export is None or export.holder != self._name or export.state in FINAL_STATES:
                break
            try:
                export = await self._next_step(user, export)
            except (ServiceError, TimeoutError) as error:
                log.warning("an export is delayed", extra={"user": user, "why": str(error)})
                await self._release_after_failure(user)
                return
            except Exception:
                log.exception("an export is delayed", extra={"user": user})
                await self._release_after_failure(user)
                return
        done = await update(user, lambda kept: domain.release(kept, self._name) if kept else None)
        if done is None:
            return
        if done.state in FINAL_STATES:
            await self._process(done.id, user, done)
        else:
            self.wake()

    async def _next_step(self, user: str, export: ExportRecord) -> ExportRecord | None:
        """Make one part, and keep the lease meanwhile."""
        renewing = asyncio.create_task(self._keep_lease(user))
        try:
            async with asyncio.timeout(STEP_TIMEOUT):
                return await self._parts.next_step(user, export)
        finally:
            renewing.cancel()

    async def _keep_lease(self, user: str) -> None:
        update = self._repository.exports.update
        while True:
            await asyncio.sleep(domain.LEASE_TTL / 3)
            with suppress(ServiceError):  # the next attempt may succeed in time
                await update(
                    user, lambda kept: domain.renew(kept, self._name, self._now()) if kept else None
                )

    async def _release_after_failure(self, user: str) -> None:
        now = self._now()
        await self._repository.exports.update(
            user, lambda kept: domain.retry_later(kept, self._name, now) if kept else None
        )
