"""Publishes which documents of a read model may have changed, for caches in other services.

Names are collected for a moment and sent together. A message is sent once: its number is missing
where it got lost, and receivers then drop all that they cached from this producer. So nothing is
stored, and a backlog cannot grow. While somebody may have cached something, a message without names
follows every `HEARTBEAT_INTERVAL`, so that the loss of the last one is noticed too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from services.chassis.dapr.pubsub import Publisher, encode_event
from services.chassis.errors import ServiceError
from services.chassis.ids import timestamp
from services.chassis.publishing.pacer import Pacer
from services.contracts.events import EventType
from services.contracts.invalidations import (
    HEARTBEAT_INTERVAL,
    HEARTBEATS_FOR,
    MAX_DOCUMENTS,
    Invalidation,
)

COALESCE_DELAY = 0.005
"""Seconds for which names are collected before they are sent."""

MAX_RATE = 10.0
"""Messages a second under load, when names are collected for longer."""

BURST = 4
"""Messages that may be sent without a pause after a quiet time."""

RETRY_DELAY = 0.5
"""Seconds after a failure until the next message, which shows receivers that one is missing."""

CLOSE_TIMEOUT = 1.0

MAX_PENDING = 20_000
"""Names that wait. Above that the next message says that everything may have changed."""

log = logging.getLogger(__name__)


class InvalidationPublisher:
    """The invalidations of one process. As a context manager it sends the last ones at its end.

    `last_read` gives the time at which somebody last read what may be cached (`time.monotonic`).
    """

    def __init__(
        self,
        event_type: EventType[Invalidation],
        publisher: Publisher,
        source: str,
        last_read: Callable[[], float],
    ) -> None:
        self._event_type = event_type
        self._publisher = publisher
        self._source = source
        self._last_read = last_read
        self._last_write = time.monotonic()
        self.stream = secrets.token_hex(8)
        """The name of the messages of this process."""
        self._sequence = 0
        self.published = 0
        """Messages that the broker accepted."""
        self._changed: dict[str, None] = {}
        self._everything = False
        self._is_sending = False
        self._pacer = Pacer(MAX_RATE, BURST)
        self._due = asyncio.Event()
        self._due.set()  # the first message says that this process took over from another one

    async def __aenter__(self) -> InvalidationPublisher:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._due.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._send_pending()

    @property
    def topic(self) -> str:
        """The topic of the messages."""
        return self._event_type.topic

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be sent."""
        return self._due.is_set() or self._is_sending

    def add(self, documents: Iterable[str]) -> None:
        """Add documents to the next message."""
        self._changed.update(dict.fromkeys(documents))
        self._last_write = time.monotonic()
        if len(self._changed) > MAX_PENDING:
            self._changed.clear()
            self._everything = True
        if self._changed or self._everything:
            self._due.set()

    async def run(self) -> None:
        """Send what is added, and heartbeats, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_INTERVAL):
                    await self._due.wait()
            if not (self._due.is_set() or self._is_in_use()):
                continue
            await asyncio.sleep(COALESCE_DELAY + self._pacer.delay())
            if not await self._send_pending():
                self._due.set()
                await asyncio.sleep(RETRY_DELAY)

    def _is_in_use(self) -> bool:
        """Whether somebody may serve what was cached."""
        return time.monotonic() - max(self._last_read(), self._last_write) < HEARTBEATS_FOR

    async def _send_pending(self) -> bool:
        """Send what was collected. Whether the broker took all of it."""
        documents, everything = list(self._changed), self._everything
        self._changed.clear()
        self._due.clear()
        self._everything, self._is_sending = False, True
        starts = range(0, len(documents) or 1, MAX_DOCUMENTS)
        try:
            sent = [
                await self._send(Invalidation(documents=part, everything=everything))
                for part in (documents[start : start + MAX_DOCUMENTS] for start in starts)
            ]
        except BaseException:  # the names are gone
            self._everything = True
            self._due.set()
            raise
        finally:
            self._is_sending = False
        return all(sent)

    async def _send(self, invalidation: Invalidation) -> bool:
        self._sequence += 1
        try:
            event = encode_event(self._event(invalidation))
            await self._publisher.publish(self._event_type.topic, [event])
        except ServiceError as failure:
            log.warning("an invalidation is lost", extra={"why": failure.message})
            return False
        self.published += 1
        return True

    def _event(self, invalidation: Invalidation) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"{self._source}:{self.stream}@{self._sequence}",
            "source": self._source,
            "type": self._event_type.name,
            "subject": self.stream,
            "time": timestamp(),
            "datacontenttype": "application/json",
            "topic": self._event_type.topic,
            "stream": self.stream,
            "sequence": self._sequence,
            "entityversion": self._sequence,
            "data": invalidation.model_dump(),
        }
