"""Work that a service does in the background: it survives failures, and shows that it fails."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from services.chassis import tracing
from services.chassis.errors import ServiceError

MAX_BACKOFF = 60.0
"""Seconds between two attempts of work that keeps failing."""

RESTART_DELAY = 1.0
"""Seconds before work without an interval is started again."""

FAILING_AFTER = 3
"""Failures in a row after which `/readyz` names the work."""

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[bool | None]]
"""It may return False if it found nothing to do."""


class BackgroundWork:
    """A coroutine function that is called for as long as the service runs.

    With an `interval` (seconds, with 20 % jitter) it is called again after each pause, else only
    after it has failed. After a failure the pause doubles, up to `max_backoff` seconds; nothing but
    the end of the service ends the work. While the work finds nothing to do, the pause is
    `idle_interval`.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        interval: float | None = None,
        max_backoff: float = MAX_BACKOFF,
        idle_interval: float | None = None,
    ) -> None:
        self.name = name
        self._work = work
        self._interval = interval
        self._idle_interval = interval if idle_interval is None else idle_interval
        self._is_idle = False
        self._max_backoff = max_backoff
        self._failures = 0
        self.failures = 0
        """Attempts that failed since the service started."""
        self._started_at: float | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the last few attempts all failed, and the present one has not lasted yet."""
        return self._failures >= FAILING_AFTER and not self._has_lasted()

    async def run(self, *, at_start: bool = False) -> None:
        """Call the work until this task is cancelled, or the work without an interval returns.

        With an interval, the first call comes after one pause, or `at_start`.
        """
        if self._interval is not None and not at_start:
            await self._pause()
        while True:
            is_done = await self._attempt()
            if is_done and self._interval is None:
                return
            await self._pause()

    def _has_lasted(self) -> bool:
        """Whether work without an interval runs for longer than its pauses are."""
        if self._started_at is None or self._interval is not None:
            return False
        return time.monotonic() - self._started_at > self._max_backoff

    async def _attempt(self) -> bool:
        self._started_at = time.monotonic()
        try:
            if self._interval is None:
                await self._work()
            else:
                with tracing.work(self.name):
                    self._is_idle = await self._work() is False
        except ServiceError as failure:
            log.warning("background work failed", extra={"work": self.name, "why": failure.message})
        except Exception:
            log.exception("background work failed", extra={"work": self.name})
        else:
            self._failures = 0
            return True
        self.failures += 1
        self._is_idle = False
        self._failures = 1 if self._has_lasted() else self._failures + 1
        self._started_at = None
        return False

    async def _pause(self) -> None:
        interval = self._idle_interval if self._is_idle else self._interval
        pause = RESTART_DELAY if interval is None else interval
        longest = max(pause, self._max_backoff)
        pause = min(pause * 2 ** min(self._failures, 10), longest)
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
